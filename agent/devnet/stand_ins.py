"""The runtime code of our own Smart Sessions contracts."""

from pathlib import Path

from agent.devnet.addresses import SESSION_CONTRACTS
from agent.devnet.compile import compiled_contracts


def stand_in_codes(build: Path) -> dict[str, bytes]:
    """Return the runtime code of every stand-in by contract name."""
    artifacts = compiled_contracts(build)
    return {name: artifact.runtime for name, artifact in artifacts.items() if name in SESSION_CONTRACTS}
