"""Decide from one look at the chain whether a session is still what was granted. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from agent.domain.hold import Epoch, Hold, SessionScope
from agent.domain.keccak import keccak256
from agent.domain.session import Session
from agent.domain.units import Hash32, Timestamp
from agent.smart_sessions.compare import Difference, DifferenceCode, differences
from agent.smart_sessions.events import ENABLING, ModuleEvent, Told
from agent.smart_sessions.on_chain import OnChainSession


class DriftCode(StrEnum):
    """What happened to a session; these never change."""

    REMOVED = "session_removed"
    REVOKED = "enable_signature_revoked"
    RE_ENABLED = "session_re_enabled"
    WIDENED = "session_widened"
    CHANGED = "session_changed"
    EXPIRED = "session_expired"
    PAYMASTER_CHANGED = "paymaster_flag_changed"
    UNINSTALLED = "module_uninstalled"
    FOREIGN_USE = "foreign_use"


HAPPENED = frozenset({DriftCode.REVOKED, DriftCode.RE_ENABLED, DriftCode.FOREIGN_USE})
"""These are over once they are cleared; the others hold anew while they are so, unless they were accepted."""

# Nobody could say, or it changes nothing about what the key may do.
NO_DRIFT = frozenset({
    DifferenceCode.NOT_ENABLED,
    DifferenceCode.UNREADABLE,
    DifferenceCode.POLICY_UNREADABLE,
    DifferenceCode.POLICY_UNKNOWN,
    DifferenceCode.POLICY_ORDER_CHANGED,
})  # fmt: skip
UNKNOWN = frozenset({DifferenceCode.UNREADABLE, DifferenceCode.POLICY_UNREADABLE})


@dataclass(frozen=True, slots=True)
class ForeignUse:
    """An operation under the session that our journal has not signed."""

    user_op_hash: Hash32
    block: int


@dataclass(frozen=True, slots=True)
class Fall:
    """Some counter stood lower in block `by` than in block `after`, and both are part of the chain."""

    after: int
    by: int


@dataclass(frozen=True, slots=True)
class Sight:
    """One session at one block, with what happened since an earlier one."""

    scope: SessionScope
    granted: Session
    expires_at: Timestamp | None
    block: int
    block_time: Timestamp
    scanned_from: int
    """The events and operations below begin behind this block."""
    found: OnChainSession | None
    """None when the module gave no answer: nothing is known, so nothing has drifted."""
    installed: bool | None
    """None when the account gave no answer."""
    events: tuple[ModuleEvent, ...] = ()
    foreign: tuple[ForeignUse, ...] = ()
    falls: tuple[Fall, ...] = ()
    made_at: Timestamp | None = None
    """When the session was written as it is in its file."""
    block_times: Mapping[int, Timestamp] = field(default_factory=dict)
    """Of the blocks that `undated` names."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One kind of change of one session."""

    code: DriftCode
    sentence: str
    subject: str
    """Names exactly what was found: the same subject is the same finding."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one look makes of a session."""

    drifts: tuple[Drift, ...] = ()
    epochs: tuple[Epoch, ...] = ()
    """To be kept: each is the newest of its session."""
    unknown: str = ""
    """Why nobody can say how the session stands; empty when it is known."""


def look(sight: Sight, known: Sequence[Epoch]) -> Judgement:
    """Compare one session with its grant and with the epochs kept of it, oldest first."""
    found = sight.found
    if found is None:
        return Judgement(unknown="SmartSession gave no answer")
    told = differences(sight.granted, found) if found.enabled else ()
    unknown = "; ".join(one.sentence for one in told if one.code in UNKNOWN)
    epochs, enabled_again = _epochs(sight, known)
    if not known and not epochs:
        # Never granted as far as anybody knows: the preflight says so.
        return Judgement(unknown=unknown)
    drifts = [*_state(sight, found, len(known)), *_compared(told)]
    if known:
        if not (enabled_again and not told and _is_as_edited(sight, known, enabled_again)):
            drifts += _happened(sight, known, enabled_again)
        drifts += _foreign(sight, known)
    return Judgement(tuple(drifts), epochs, unknown)


def undated(sight: Sight, known: Sequence[Epoch]) -> tuple[int, ...]:
    """Return the blocks whose time says whether the session was granted anew because its file was edited."""
    if sight.made_at is None or not known:
        return ()
    enablings = _enablings(sight, known)
    last = _standing(sight, known, enablings)[-1].from_block
    again = [block for block in enablings if block > last]
    return (last, *again) if len(again) == 1 else ()


def is_new(drift: Drift, hold: Hold | None) -> bool:
    """Say whether a drift has to be held, given the last hold of its scope and code."""
    if hold is None:
        return True
    if hold.active:
        return False
    if drift.code is DriftCode.FOREIGN_USE:
        return _block_of(drift.subject) > _block_of(hold.subject)
    if drift.code in HAPPENED:
        return drift.subject != hold.subject
    return not (hold.accepted and hold.subject == drift.subject)


def _state(sight: Sight, found: OnChainSession, epochs: int) -> Iterator[Drift]:
    who = f"{sight.scope.permission_id} on {sight.scope.account}"
    if sight.installed is False:
        # Not every account lets a module clear up: the session may still be in there, and come back with it.
        yield Drift(
            DriftCode.UNINSTALLED, f"the account no longer has the module {who} is under", str(epochs)
        )
    elif not found.enabled:
        yield Drift(DriftCode.REMOVED, f"{who} is no longer enabled", str(epochs))
    if sight.expires_at is not None and sight.block_time >= sight.expires_at:
        ended = f"{who} ended at {sight.expires_at}, block {sight.block} is of {sight.block_time}"
        yield Drift(DriftCode.EXPIRED, ended, str(sight.expires_at))
    flags = [event.value for event in sight.events if event.told is Told.PAYMASTER]
    if found.enabled and flags and bool(flags[-1]) != sight.granted.permit_erc4337_paymaster:
        now = "permits" if flags[-1] else "forbids"
        sentence = f"{who} now {now} that a paymaster pays, against what was granted"
        yield Drift(DriftCode.PAYMASTER_CHANGED, sentence, str(flags[-1]))


def _compared(told: Iterable[Difference]) -> Iterator[Drift]:
    by_code: dict[DriftCode, list[Difference]] = {}
    for one in told:
        if one.code not in NO_DRIFT:
            by_code.setdefault(_kind(one), []).append(one)
    for code, ones in by_code.items():
        text = "\n".join(f"{one.code} {one.where} {one.found}" for one in ones)
        yield Drift(code, "; ".join(one.sentence for one in ones), "0x" + keccak256(text.encode()).hex())


def _kind(one: Difference) -> DriftCode:
    if one.code is DifferenceCode.PAYMASTER_FLAG_CHANGED:
        return DriftCode.PAYMASTER_CHANGED
    if one.code in (DifferenceCode.VALIDATOR_CHANGED, DifferenceCode.VALIDATOR_CONFIG_CHANGED):
        return DriftCode.CHANGED
    return DriftCode.WIDENED if one.widens else DriftCode.CHANGED


def _happened(sight: Sight, known: Sequence[Epoch], enabled_again: Sequence[int]) -> Iterator[Drift]:
    if enabled_again:
        block = enabled_again[-1]
        sentence = f"the session was enabled again in block {block}: its counters began anew"
        yield Drift(DriftCode.RE_ENABLED, sentence, str(block))
    nonce = sight.found.enable_nonce if sight.found else None
    before = known[-1].enable_nonce
    iterated = any(event.told is Told.NONCE_MOVED for event in sight.events)
    # Enabling by a signature uses the nonce up as well, and is no revocation.
    if nonce is not None and nonce != before and (iterated or not enabled_again):
        sentence = f"the enable nonce moved from {before} to {nonce}: signed grants were revoked"
        yield Drift(DriftCode.REVOKED, sentence, str(nonce))


def _is_as_edited(sight: Sight, known: Sequence[Epoch], enabled_again: Sequence[int]) -> bool:
    """Say whether the session was enabled once since its file was written, and never so before.

    With the chain as the file has it, that was the grant of the edit: its owner meant the counters to begin
    anew. A second time nobody wrote a file for.
    """
    times = [sight.block_times[block] for block in undated(sight, known) if block in sight.block_times]
    if sight.made_at is None or len(times) != 2:
        return False
    revoked = [event.block for event in sight.events if event.told is Told.NONCE_MOVED]
    # An edit voids a signature that would still grant the session as it was, in the same batch or before.
    return times[0] < sight.made_at <= times[1] and max(revoked, default=0) <= enabled_again[0]


def _foreign(sight: Sight, known: Sequence[Epoch]) -> Iterator[Drift]:
    # What was before the session was first seen is history: it may be our own, of a journal that is lost.
    used = [use for use in sight.foreign if use.block > known[0].from_block]
    if used:
        last = max(used, key=lambda use: use.block)
        hashes = ", ".join(str(use.user_op_hash) for use in used)
        sentence = f"operations under the session that this agent has not signed: {hashes}"
        yield Drift(DriftCode.FOREIGN_USE, sentence, f"{last.block} {last.user_op_hash}")


def _epochs(sight: Sight, known: Sequence[Epoch]) -> tuple[tuple[Epoch, ...], tuple[int, ...]]:
    """Return the epochs to keep, and the blocks in which the session was enabled anew."""
    found = sight.found
    nonce = None if found is None else found.enable_nonce
    if not known:
        first = Epoch(sight.scope, 1, sight.block, nonce or 0)
        return ((first,), ()) if found is not None and found.enabled else ((), ())
    enablings = _enablings(sight, known)
    standing = _standing(sight, known, enablings)
    last = standing[-1]
    again = [block for block in enablings if block > last.from_block]
    fresh = tuple(
        Epoch(sight.scope, last.number + step, block, last.enable_nonce if nonce is None else nonce)
        for step, block in enumerate(again, 1)
    )
    if fresh:
        return fresh, tuple(again)
    moved = nonce is not None and nonce != last.enable_nonce
    kept = Epoch(sight.scope, last.number, last.from_block, last.enable_nonce if nonce is None else nonce)
    return ((kept,), ()) if moved or len(standing) < len(known) else ((), ())


def _enablings(sight: Sight, known: Sequence[Epoch]) -> list[int]:
    told = {event.block for event in sight.events if event.told in ENABLING}
    before = {epoch.from_block for epoch in known if epoch.from_block <= sight.scanned_from}
    # A fall that no log explains is an enabling all the same: a node may have lost the log.
    silent = {
        fall.by for fall in sight.falls if not any(fall.after < block <= fall.by for block in told | before)
    }
    return sorted(told | silent)


def _standing(sight: Sight, known: Sequence[Epoch], enablings: Sequence[int]) -> list[Epoch]:
    # One that began in the blocks just scanned and is not to be seen there was undone by a reorg.
    return [
        epoch
        for epoch in known
        if epoch.number == 1 or epoch.from_block <= sight.scanned_from or epoch.from_block in enablings
    ]


def _block_of(subject: str) -> int:
    number = subject.split(" ", 1)[0]
    return int(number) if number.isdigit() else -1
