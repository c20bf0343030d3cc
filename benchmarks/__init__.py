"""What the agent claims about speed, each claim against a peer in the same run."""
