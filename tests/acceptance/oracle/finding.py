"""What a rule has to say."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One broken invariant; the names are those of docs/exactly-once.md."""

    rule: str
    job: str
    slot: str
    message: str
