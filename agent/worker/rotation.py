"""Which sessions are read in full because it is their turn."""

from dataclasses import dataclass

ROTATION_S = 300
"""Seconds of chain time in which every session has its turn, whatever nodes tell in between."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """Goes round all sessions, evenly."""

    place: int = 0
    rest: int = 0
    """Time that did not suffice for a whole session, in sessions times seconds."""

    def turn(self, sessions: int, elapsed_s: int) -> tuple["Rotation", tuple[int, ...]]:
        """Return the rotation after that time, and the indices whose turn came."""
        count, rest = divmod(self.rest + sessions * max(0, elapsed_s), ROTATION_S)
        if count >= sessions:
            return Rotation(), tuple(range(sessions))
        indices = tuple((self.place + step) % sessions for step in range(count))
        return Rotation((self.place + count) % sessions, rest), indices
