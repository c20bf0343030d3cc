"""How the machines that the agent depends on answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """How one node or bundler has answered; it holds no URL, for that may hold a key."""

    kind: str
    """`rpc` or `bundler`."""
    name: str
    healthy: bool
    why: str
    """What failed last; empty while nothing does."""
    failures: int
    """Since the start."""
    dissents: int = 0
    """How often a node answered otherwise than others that had to agree with it."""
