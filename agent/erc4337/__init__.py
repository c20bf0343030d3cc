"""ERC-4337: packing, hashes, nonces, errors and events of EntryPoint 0.6 to 0.8. Pure."""
