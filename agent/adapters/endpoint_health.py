"""Whether an endpoint is asked first: it leaves after failures in a row, and returns slowly. Pure."""

from dataclasses import dataclass, replace

LEAVE_AFTER = 3
"""Failures in a row."""
RETURN_AFTER = 2
"""Answers in a row, once it has rested."""
REST_S = 30.0


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint has answered lately; times are seconds of a clock that only moves forward."""

    failures: int = 0
    """In a row."""
    answers: int = 0
    """In a row since it left."""
    left_at: float | None = None
    why: str = ""
    """What failed last; empty while nothing does."""
    stopped: bool = False
    """It stays out until the process starts again."""

    @property
    def is_in(self) -> bool:
        """Whether it is asked in its turn; one that is out is asked when no other answers."""
        return self.left_at is None and not self.stopped


def failed(health: Health, why: str, now: float) -> Health:
    """Return the health after no usable answer."""
    if health.stopped:
        return health
    failures = health.failures + 1
    leaves = health.left_at is None and failures >= LEAVE_AFTER
    return Health(failures, 0, now if leaves else health.left_at, why)


def answered(health: Health, now: float) -> Health:
    """Return the health after a usable answer, a refusal included."""
    if health.stopped:
        return health
    if health.left_at is None:
        return Health()
    answers = health.answers + 1
    if answers >= RETURN_AFTER and now - health.left_at >= REST_S:
        return Health()
    return replace(health, failures=0, answers=answers)


def stopped(health: Health, why: str) -> Health:
    """Return the health of one that a person has to look at: it serves something else than it should."""
    return replace(health, stopped=True, why=why)
