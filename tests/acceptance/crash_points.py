"""Where a worker can die: every step of the journal and of the network that one payment takes."""

from dataclasses import dataclass

from agent.domain.journal import Change
from agent.domain.states import Event

BEFORE, DURING, AFTER = "before", "during", "after"
SMART_SESSION_VALIDATE = bytes.fromhex("97003203")
"""validateUserOp(PackedUserOperation,bytes32) of EntryPoint 0.7's account interface and of ERC-7579."""


@dataclass(frozen=True)
class CrashPoint:
    """Die before, in the middle of, or after the n-th call of a step."""

    step: str
    when: str
    nth: int = 1

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options of `crashing_worker`."""
        return "--step", self.step, "--when", self.when, "--nth", str(self.nth)

    def __str__(self) -> str:
        return f"{self.when}-{self.step}" + (f"-{self.nth}" if self.nth > 1 else "")


def step_of(method: str, arguments: tuple[object, ...]) -> str:
    """Name the step that a call of a port is."""
    if method == "record" and isinstance(arguments[0], Change):
        return f"record-{arguments[0].event}"
    if method == "call" and bytes(arguments[1])[:4] == SMART_SESSION_VALIDATE:  # type: ignore[call-overload]  # call data
        return "validate"
    return method


def around(*events: Event) -> tuple[CrashPoint, ...]:
    """Return the points before and after each of these changes is on disk."""
    return tuple(CrashPoint(f"record-{event}", when) for event in events for when in (DURING, AFTER))


RECORDED = (Event.CLAIM, Event.PLAN, Event.SEND, Event.ANSWER, Event.SEE_OK, Event.FINALIZE, Event.SETTLE)
JOURNAL = (
    CrashPoint("enroll", DURING),
    CrashPoint("enroll", AFTER),
    CrashPoint("claim_due", DURING),
    CrashPoint("claim_due", AFTER),
    CrashPoint("append", BEFORE),
    CrashPoint("append", DURING),
    CrashPoint("append", AFTER),
    *around(*RECORDED),
)
NETWORK = (
    CrashPoint("estimate", BEFORE),
    CrashPoint("estimate", AFTER),
    CrashPoint("validate", BEFORE),
    CrashPoint("validate", AFTER),
    CrashPoint("send", BEFORE),
    CrashPoint("send", DURING),
    CrashPoint("send", AFTER),
    CrashPoint("logs", BEFORE),
    CrashPoint("logs", AFTER),
    CrashPoint("receipt", BEFORE),
    CrashPoint("receipt", AFTER),
    CrashPoint("finalized", AFTER),
)
ALL = (*JOURNAL, *NETWORK)
