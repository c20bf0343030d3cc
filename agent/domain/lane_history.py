"""What the chain shows of a lane that the journal does not know, and which slots it paid. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.recurrence import Slot
from agent.domain.units import Hash32, Timestamp

SKEW_S = 600
"""How far the clock by which slots are due and the time of blocks may differ: what its breaker tolerates."""
LANDING_S = 86_400
"""How long after the end of its slot's grace a payment may land."""


LANE_AHEAD = "lane_ahead"
"""Code of what waits for a person, because its lane did what the journal cannot assign."""


class Purpose(Enum):
    """What an operation of the lane was for, by its calls."""

    PAYMENT = "payment"
    """What the job does."""
    CANCEL = "cancel"
    """It moved nothing."""
    UNKNOWN = "unknown"
    """Nobody can tell."""


@dataclass(frozen=True, slots=True)
class Executed:
    """One sequence of the lane that is used at a final block."""

    sequence: int
    at: Timestamp
    """Time of its block; of one that no log shows the latest it may have."""
    purpose: Purpose = Purpose.UNKNOWN
    inclusion: Inclusion | None = None
    """None where no log shows it: the owner raised the nonce, or the node's index has a gap."""

    @property
    def may_have_paid(self) -> bool:
        """Whether it may be what a slot was paid by."""
        if self.inclusion is None:
            return True
        return self.inclusion.success and self.purpose is not Purpose.CANCEL

    @property
    def paid(self) -> bool:
        """Whether it did what the job does."""
        return self.inclusion is not None and self.inclusion.success and self.purpose is Purpose.PAYMENT


def doubtful_until(history: Sequence[Executed]) -> Timestamp | None:
    """Return until when a slot that was due may have been paid by any of these; None when none was.

    Nothing is signed for a slot before it is due, so what was executed earlier did not pay it.
    """
    times = [item.at for item in history if item.may_have_paid]
    return Timestamp(max(times) + SKEW_S) if times else None


def booked_slots(paid: Iterable[Occurrence], unread: Collection[Hash32]) -> frozenset[str]:
    """Return the slots of paid runs whose payment the journal has, and has it not from what is `unread` yet.

    None of that paid them. Of a run that a person called paid the journal has no payment: any of the lane may
    be the one that the person saw.
    """
    return frozenset(run.slot for run in paid if _is_booked(run.inclusion, unread))


def _is_booked(seen: Inclusion | None, unread: Collection[Hash32]) -> bool:
    return seen is not None and bool(seen.delivered) and seen.user_op_hash not in unread


def certainly_paid(slots: Sequence[Slot], history: Sequence[Executed], grace_s: int) -> dict[str, Executed]:
    """Return the payment of each slot (by key) that only one reading of the history leaves.

    `slots` are all that may have been paid, by due time; equal payments are told apart by order alone: a lane
    pays its slots one after the other, each once, none before it is due and none later than `LANDING_S` after
    its grace. Of all assignments that keep to this the earliest and the latest are compared.
    """
    payments = sorted((item for item in history if item.paid), key=lambda item: item.sequence)
    earliest = _assigned(slots, payments, grace_s)
    latest = _assigned_from_the_end(slots, payments, grace_s)
    if earliest is None or latest is None:
        return {}
    return {
        slots[one].key: payment
        for payment, one, other in zip(payments, earliest, latest, strict=True)
        if one == other
    }


def _assigned(slots: Sequence[Slot], payments: Sequence[Executed], grace_s: int) -> list[int] | None:
    """Return the place of each payment's slot, each as early as can be; None when they do not fit."""
    places: list[int] = []
    place = 0
    for payment in payments:
        while place < len(slots) and _latest(slots[place], grace_s) < payment.at:
            place += 1
        if place == len(slots) or _soonest(slots[place]) > payment.at:
            return None
        places.append(place)
        place += 1
    return places


def _assigned_from_the_end(
    slots: Sequence[Slot], payments: Sequence[Executed], grace_s: int
) -> list[int] | None:
    places: list[int] = []
    place = len(slots) - 1
    for payment in reversed(payments):
        while place >= 0 and _soonest(slots[place]) > payment.at:
            place -= 1
        if place < 0 or _latest(slots[place], grace_s) < payment.at:
            return None
        places.append(place)
        place -= 1
    return places[::-1]


def _soonest(slot: Slot) -> int:
    return slot.due_at - SKEW_S


def _latest(slot: Slot, grace_s: int) -> int:
    return slot.due_at + grace_s + LANDING_S
