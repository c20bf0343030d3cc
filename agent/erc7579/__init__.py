"""ERC-7579: execute calldata and what differs between account implementations. Pure."""
