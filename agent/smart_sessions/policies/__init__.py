"""The policies the agent knows, by contract address: two generations exist, so a name is not enough."""
