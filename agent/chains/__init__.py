"""Built-in chain and contract registry: YAML only, read by agent.definitions.registry."""
