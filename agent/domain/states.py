"""The state table of an occurrence: the only list of what may follow what.

The pipeline, the recovery, the journal and the printed documentation all read this table.
"""

from dataclasses import dataclass
from enum import StrEnum

from agent.domain.errors import IllegalTransition


class State(StrEnum):
    """Where an occurrence stands."""

    # Enum's own hash is a Python call, and the table is asked several times a change.
    __hash__ = str.__hash__

    DUE = "due"  #: its slot has come, nobody works on it yet
    CLAIMED = "claimed"  #: the worker works on it; nothing is decided
    PLANNED = "planned"  #: calls, limits and (nonce key, sequence) are fixed
    SIGNED = "signed"  #: signed bytes are on disk, no byte has left
    SENT = "sent"  #: a send was begun; the operation may land at any time
    INCLUDED_OK = "included_ok"  #: our own logs show it succeeded, not final yet
    INCLUDED_FAIL = "included_fail"  #: our own logs show it reverted, not final yet
    FINAL_FAIL = "final_fail"  #: it reverted for good
    EXPIRED = "expired"  #: every operation signed for the nonce is void for good
    HELD = "held"  #: waits for a person or for a cause to go away
    FINAL_OK = "final_ok"  #: done, for good
    SKIPPED = "skipped"  #: not done, by a rule; no sequence was used
    FAILED = "failed"  #: not done, reported
    CANCELLED = "cancelled"  #: a harmless operation took its nonce
    FOREIGN = "foreign"  #: somebody else used its nonce


TERMINAL = frozenset({State.FINAL_OK, State.SKIPPED, State.FAILED, State.CANCELLED})
"""States that need nobody any more; FOREIGN and HELD wait for a person."""

IN_FLIGHT = frozenset({State.SIGNED, State.SENT, State.INCLUDED_OK, State.INCLUDED_FAIL})
"""States in which a signed operation may land or be undone."""

WAITS_FOR_PERSON = frozenset({State.HELD, State.FOREIGN})


class Event(StrEnum):
    """What happened to an occurrence."""

    __hash__ = str.__hash__

    CLAIM = "claim"
    POSTPONE = "postpone"
    SKIP = "skip"
    GIVE_UP = "give_up"
    PLAN = "plan"
    UNPLAN = "unplan"
    SIGN = "sign"
    SEND = "send"
    ANSWER = "answer"
    RAISE = "raise"
    ASK_CANCEL = "ask_cancel"
    FOUND = "found"
    SEE_OK = "see_ok"
    SEE_FAIL = "see_fail"
    SEE_FOREIGN = "see_foreign"
    SEE_CANCEL = "see_cancel"
    VOID = "void"
    REORG = "reorg"
    FINALIZE = "finalize"
    RETRY = "retry"
    HOLD = "hold"
    RELEASE = "release"
    RESOLVE_PAID = "resolve_paid"
    RESOLVE_UNPAID = "resolve_unpaid"
    SETTLE = "settle"
    DEEP_REORG = "deep_reorg"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: in this state, on this event, go there."""

    state: State
    event: Event
    to: State
    note: str


def _rows(states: tuple[State, ...], event: Event, to: State, note: str) -> list[Transition]:
    return [Transition(state, event, to, note) for state in states]


S, E = State, Event
WORKED_ON = tuple(state for state in State if state not in TERMINAL | WAITS_FOR_PERSON)

TABLE: tuple[Transition, ...] = (
    *_rows((S.DUE,), E.CLAIM, S.CLAIMED, "row inserted, unique by job and slot"),
    *_rows((S.CLAIMED,), E.POSTPONE, S.DUE, "condition not met yet; look again later"),
    *_rows((S.DUE, S.CLAIMED, S.PLANNED), E.SKIP, S.SKIPPED, "by a rule; a sequence is released"),
    *_rows((S.DUE, S.CLAIMED, S.PLANNED), E.GIVE_UP, S.FAILED, "grace or ladder ended"),
    *_rows((S.CLAIMED,), E.PLAN, S.PLANNED, "reserved; key and sequence fixed for this attempt"),
    *_rows((S.PLANNED,), E.UNPLAN, S.DUE, "nothing signed; reservation and sequence released"),
    *_rows((S.PLANNED,), E.SIGN, S.SIGNED, "bytes stored before any network"),
    *_rows((S.SIGNED,), E.SEND, S.SENT, "begun, not answered"),
    *_rows((S.SENT,), E.SEND, S.SENT, "same bytes again"),
    *_rows((S.SENT,), E.ANSWER, S.SENT, "accepted, known, refused or silent: it may still land"),
    *_rows((S.SENT,), E.RAISE, S.SENT, "new bytes on the same nonce, journaled first"),
    *_rows((S.SENT, S.HELD), E.ASK_CANCEL, S.SENT, "a person asked for a cancel; held: only from SENT"),
    *_rows((S.SIGNED, S.SENT), E.SEE_OK, S.INCLUDED_OK, "our own logs show one of our hashes"),
    *_rows((S.SIGNED, S.SENT), E.SEE_FAIL, S.INCLUDED_FAIL, "our own logs show one of our hashes"),
    *_rows((S.SIGNED, S.SENT), E.SEE_FOREIGN, S.FOREIGN, "sequence used at finality by no hash of ours"),
    *_rows((S.SIGNED, S.SENT), E.SEE_CANCEL, S.CANCELLED, "our cancel took the nonce, final"),
    *_rows((S.DUE, S.CLAIMED, S.SIGNED, S.SENT, S.SKIPPED), E.FOUND, S.FINAL_OK, "its payment was found"),
    *_rows((S.SIGNED, S.SENT), E.VOID, S.EXPIRED, "every signed operation is void at finality"),
    *_rows((S.EXPIRED,), E.RETRY, S.CLAIMED, "attempts left; same key and sequence"),
    *_rows((S.EXPIRED,), E.GIVE_UP, S.FAILED, "no attempt left; sequence released"),
    *_rows((S.INCLUDED_OK, S.INCLUDED_FAIL), E.REORG, S.SENT, "block left the chain; same bytes"),
    *_rows((S.INCLUDED_OK,), E.FINALIZE, S.FINAL_OK, "final and delivered"),
    *_rows((S.INCLUDED_FAIL,), E.FINALIZE, S.FINAL_FAIL, "final"),
    *_rows((S.FINAL_FAIL,), E.RETRY, S.CLAIMED, "attempts left; the only edge that raises the sequence"),
    *_rows((S.FINAL_FAIL,), E.GIVE_UP, S.FAILED, "no attempt left"),
    *_rows(WORKED_ON, E.HOLD, S.HELD, "waits for a person; the state it came from is kept"),
    *_rows((S.HELD, S.FOREIGN), E.RESOLVE_PAID, S.FINAL_OK, "a person decided, reason kept"),
    *_rows((S.HELD, S.FOREIGN), E.RESOLVE_UNPAID, S.FAILED, "a person decided, reason kept"),
    *_rows((S.FOREIGN,), E.RETRY, S.CLAIMED, "a person decided to pay on the next sequence"),
    *_rows((S.FINAL_OK, S.FAILED, S.CANCELLED), E.DEEP_REORG, S.HELD, "reorg past finality; chain stopped"),
)

_BY_KEY = {(row.state, row.event): row.to for row in TABLE}


def next_state(state: State, event: Event, held_from: State | None = None) -> State:
    """Return where `event` leads; raise IllegalTransition when the table has no such row.

    SETTLE sets a flag and changes no state. RELEASE goes back to `held_from`, and of what is HELD a cancel is
    asked for only where that is SENT.
    """
    if event is Event.SETTLE:
        return state
    if event is Event.RELEASE and state is State.HELD and held_from is not None:
        return held_from
    to = _BY_KEY.get((state, event))
    if to is None or (event is Event.ASK_CANCEL and state is State.HELD and held_from is not State.SENT):
        raise IllegalTransition(state, event)
    return to
