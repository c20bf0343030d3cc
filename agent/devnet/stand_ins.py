"""The runtime code of our own Smart Sessions contracts."""

from pathlib import Path


def stand_in_codes(build: Path) -> dict[str, bytes]:
    """Return the runtime code of every stand-in by contract name."""
    try:
        from agent.devnet.compile import compiled_contracts
    except ImportError:
        return {}
    return {name: artifact.runtime for name, artifact in compiled_contracts(build).items()}
