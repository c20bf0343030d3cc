"""What one change makes of an occurrence, its lane and its reservations: the same for every journal."""

from agent.domain.budget import JOB, counted_by_agent
from agent.domain.errors import BudgetExceeded, Bug, IllegalTransition, StaleRecord
from agent.domain.journal import Change, Reservation
from agent.domain.occurrence import Inclusion, Nonce, Occurrence
from agent.domain.states import IN_FLIGHT, TERMINAL, Event, State, next_state
from agent.domain.units import UINT256_MAX, Hash32

RELEASES = frozenset({
    Event.SETTLE, Event.SKIP, Event.GIVE_UP, Event.UNPLAN, Event.VOID,
    Event.SEE_FOREIGN, Event.SEE_CANCEL, Event.FOUND, Event.RESOLVE_PAID, Event.RESOLVE_UNPAID,
})  # fmt: skip
"""Events after which nothing signed for the occurrence can still use what it had reserved.

One that is foreign keeps what it had of its job's own caps: a person may call it paid yet.
"""

COUNTS = frozenset({Event.SEE_OK, Event.SEE_FAIL})
"""Events after which the chain itself counts what was reserved, from the inclusion's block on."""

SPENDS = frozenset({Event.RESOLVE_PAID, Event.SEE_CANCEL})
"""Events that say that an operation was included, without saying what it cost."""

UNCOUNTS = frozenset({Event.REORG, Event.DEEP_REORG})

LEAVES = frozenset({Event.PLAN, Event.SIGN, Event.SEND, Event.RAISE})
"""Steps towards the network: a paused job takes none, not even one that was about to be taken."""

CONSUMES = frozenset({Event.FINALIZE, Event.SEE_FOREIGN, Event.SEE_CANCEL, Event.FOUND})
"""Events that show at finality that the lane's sequence is used."""

_SETTLED_IN = TERMINAL | {State.FINAL_FAIL, State.FOREIGN}
_GOES_ON = frozenset({Event.CLAIM, Event.PLAN, Event.RELEASE, Event.SEE_OK})
"""Events that make the last reason history."""

CANCEL_ASKED = "cancel_asked"
"""Code of a run that somebody wants cancelled."""

_UNDER_REQUEST = frozenset({Event.SEE_OK, Event.SEE_FAIL, Event.REORG, Event.VOID})
"""Events after which a request to cancel still counts: a reorg may undo what was seen, and what failed or is
void would be tried again."""


def step(before: Occurrence, change: Change, signed: Hash32 | None = None) -> Occurrence:
    """Return the occurrence after it; raise StaleRecord, IllegalTransition, Bug when a part is missing.

    `signed` is the hash of the operation that comes with the change.
    """
    if before.version != change.version:
        raise StaleRecord(f"occurrence {before.id} is at version {before.version}, not {change.version}")
    event = change.event
    state = next_state(before.state, event, before.held_from)
    _check_parts(before, change)
    code, reason = _said(before, change)
    # dataclasses.replace looks every field up by name: it would be a tenth of an append.
    return Occurrence(
        before.id,
        before.job_id,
        before.slot,
        before.ordinal,
        before.due_at,
        state,
        _attempt(before, event),
        before.version + 1,
        before.chain_id,
        before.account,
        _held_from(before, event),
        code,
        reason,
        before.not_before if change.not_before is None else change.not_before,
        _nonce(before, change),
        signed or (None if event is Event.RETRY else before.user_op_hash),
        _inclusion(before, change),
        _settled(before, event),
        before.created_at,
        change.at,
    )


def holds_lane(occurrence: Occurrence) -> bool:
    """Say whether no other occurrence of the lane may be planned beside this one."""
    if occurrence.state is not State.HELD:
        return occurrence.state is State.PLANNED or occurrence.state in IN_FLIGHT
    held = occurrence.held_from
    # Held from a terminal state is a reorg past finality: what was signed may land again.
    return held is State.PLANNED or held in IN_FLIGHT or held in TERMINAL


def next_sequence(before: Occurrence, change: Change, current: int) -> int:
    """Return the lane's next sequence after `change`, never less than the current one."""
    if change.lane_next is not None:
        # Read before the change: meanwhile another run of the lane may have used more of it.
        return max(current, change.lane_next)
    if change.event in CONSUMES and before.nonce is not None:
        return max(current, before.nonce.sequence + 1)
    return current


def outlasts(event: Event, limit_key: str) -> bool:
    """Say whether a reservation is kept over an event that releases."""
    return event is Event.SEE_FOREIGN and limit_key.startswith(JOB)


def check_room(reservation: Reservation, held_by_others: int, spent: int) -> None:
    """Raise BudgetExceeded when the limit has no room left for the reservation.

    `spent` is what the journal itself counted of a limit that the chain does not count.
    """
    used = spent if counted_by_agent(reservation.limit_key) else reservation.used
    left = reservation.limit - used - held_by_others
    if reservation.amount > left:
        raise BudgetExceeded(reservation.limit_key, reservation.amount, max(left, 0))


def _check_parts(before: Occurrence, change: Change) -> None:
    event = change.event
    if event is Event.SETTLE and before.state not in _SETTLED_IN:
        raise IllegalTransition(before.state, event)
    if (change.nonce is not None) is not (event is Event.PLAN):
        raise Bug(f"{event} of occurrence {before.id}: a nonce comes with plan and only with plan")
    if change.nonce is not None and change.lane_next is not None:
        raise Bug(f"plan of occurrence {before.id} may not move its lane")
    if change.lane_uses and change.lane_next is None:
        raise Bug(f"{event} of occurrence {before.id} counts what its lane did, and does not move it")
    if event in COUNTS or event is Event.FOUND:
        _check_inclusion(before, change)
    if change.reservations:
        _check_reservations(change.reservations)
        _check_found(before, change)


def _check_inclusion(before: Occurrence, change: Change) -> None:
    inclusion = change.inclusion
    if inclusion is None or inclusion.success is (change.event is Event.SEE_FAIL):
        raise Bug(f"{change.event} of occurrence {before.id} comes with an inclusion that says the same")


def _check_reservations(reservations: tuple[Reservation, ...]) -> None:
    if len({reservation.limit_key for reservation in reservations}) != len(reservations):
        raise Bug("one limit is reserved twice in one change")
    if any(not 0 <= reservation.amount <= UINT256_MAX for reservation in reservations):
        raise Bug("a reservation is a uint256")


def _check_found(before: Occurrence, change: Change) -> None:
    keys = [reservation.limit_key for reservation in change.reservations or ()]
    if change.event is Event.FOUND and not all(key.startswith(JOB) for key in keys):
        raise Bug(f"occurrence {before.id} was found, and uses what no cap of its job counts")


def _attempt(before: Occurrence, event: Event) -> int:
    if event is Event.PLAN:
        return before.attempt + 1
    # Nothing was signed: the attempt never was, and must not use up the retry ladder.
    return before.attempt - 1 if event is Event.UNPLAN else before.attempt


def _held_from(before: Occurrence, event: Event) -> State | None:
    return before.state if event in (Event.HOLD, Event.DEEP_REORG) else None


def _said(before: Occurrence, change: Change) -> tuple[str, str]:
    """Return the code and the reason after it."""
    if before.code == CANCEL_ASKED and change.event in _UNDER_REQUEST:
        return before.code, before.reason
    event = change.event
    return _kept(change.code, before.code, event), _kept(change.reason, before.reason, event)


def _kept(new: str, old: str, event: Event) -> str:
    # PostgreSQL refuses the null character, and a peer may put one into its message.
    return new.replace("\0", "") if new or event in _GOES_ON else old


def _nonce(before: Occurrence, change: Change) -> Nonce | None:
    if change.event is Event.PLAN:
        return change.nonce
    if change.event in (Event.UNPLAN, Event.RETRY):
        return None
    dropped = before.state is State.PLANNED and change.event in (Event.SKIP, Event.GIVE_UP)
    return None if dropped else before.nonce


def _inclusion(before: Occurrence, change: Change) -> Inclusion | None:
    if change.event in (Event.REORG, Event.RETRY, Event.DEEP_REORG):
        return None
    return before.inclusion if change.inclusion is None else change.inclusion


def _settled(before: Occurrence, event: Event) -> bool:
    if event in (Event.SETTLE, Event.FOUND):
        return True
    return before.settled and event not in (Event.RETRY, Event.DEEP_REORG)
