"""Apply a change: everything is checked before the first row is touched."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from agent.adapters.journal.hash_chain import Note
from agent.adapters.journal.holding import check_held
from agent.adapters.journal.image import Held, Image, StoredOperation
from agent.adapters.journal.operation_text import operation_text, text_digest
from agent.domain.budget import JOB, counted_by_agent, permission_of
from agent.domain.errors import Bug, DuplicateOperation, JobPaused, StaleRecord
from agent.domain.hold import FailedUse, SessionScope
from agent.domain.job_caps import used_of_cap
from agent.domain.journal import Change, JobRow
from agent.domain.journal_step import (
    CONSUMES,
    COUNTS,
    LEAVES,
    RELEASES,
    SPENDS,
    UNCOUNTS,
    check_room,
    next_sequence,
    outlasts,
    step,
)
from agent.domain.occurrence import Inclusion, Nonce, Occurrence
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.paymaster import spent
from agent.domain.states import Event
from agent.domain.units import Hash32

CARRIES_BYTES = frozenset({Event.SIGN, Event.RAISE})


def record(image: Image, change: Change) -> Occurrence:
    """Apply one change that signs nothing."""
    if change.event in CARRIES_BYTES:
        raise Bug(f"{change.event} of occurrence {change.occurrence_id} comes with its bytes: append them")
    before = image.occurrence(change.occurrence_id)
    effects = _decide(image, before, change)
    return _write(image, before, effects, change, {})


def append(image: Image, signed: SignedOperation, change: Change) -> tuple[Occurrence, JournaledOperation]:
    """Store the signed bytes with the change that says so."""
    if change.event not in CARRIES_BYTES:
        raise Bug(f"{change.event} of occurrence {change.occurrence_id} signs nothing: record it")
    before = image.occurrence(change.occurrence_id)
    effects = _decide(image, before, change, signed)
    _check_operation(before, signed)
    if signed.user_op_hash in image.hashes:
        owner = image.hashes[signed.user_op_hash]
        raise DuplicateOperation(f"operation {signed.user_op_hash} is in the journal, for occurrence {owner}")
    stored = _stored(signed, change)
    proof = {"user_op_hash": str(signed.user_op_hash), "operation": stored.digest}
    after = _write(image, before, effects, change, proof)
    image.put_operation(stored)
    return after, stored.operation


def moves_lane(change: Change) -> bool:
    """Say whether the change may move its lane's next sequence."""
    return change.lane_next is not None or change.event in CONSUMES


@dataclass(frozen=True, slots=True)
class _Effects:
    after: Occurrence
    job: JobRow | None
    """With its lane moved; None when the lane stays."""
    reservations: dict[str, Held | None]
    failed_uses: tuple[FailedUse, ...] | None = None
    """Of the inclusion that the change brings, or () for one that it takes back; None leaves them."""
    spent: dict[str, int] = field(default_factory=dict)
    """What is added to limits that the agent counts itself."""
    kept: frozenset[str] = frozenset()
    """Limits of which it keeps what it had reserved, over an event that releases."""


def _decide(
    image: Image, before: Occurrence, change: Change, signed: SignedOperation | None = None
) -> _Effects:
    after = step(before, change, None if signed is None else signed.user_op_hash)
    if change.event in LEAVES:
        _check_may_leave(image, before, change, signed)
    if change.nonce is not None:
        _check_lane(image, before, change.nonce)
    if change.event in COUNTS and change.inclusion is not None:
        _check_ours(image, before.id, change.inclusion.user_op_hash)
    lane, reservations = _moved_lane(image, before, change), _reservations(image, before, change)
    paid = Counter(_spent(image, before, change, reservations))
    paid.update({use.limit_key: use.amount for use in change.lane_uses if use.amount})
    kept = frozenset(key for key in image.held_keys.get(before.id, ()) if outlasts(change.event, key))
    return _Effects(after, lane, reservations, _failed_uses(image, before, change), paid, kept)


def _check_may_leave(
    image: Image, before: Occurrence, change: Change, signed: SignedOperation | None
) -> None:
    if before.job_id in image.paused:
        raise JobPaused(f"job {before.job_id} is paused")
    check_held(image, before, change, None if signed is None else signed.priced.draft)


def _check_lane(image: Image, before: Occurrence, nonce: Nonce) -> None:
    job = image.job(before.job_id)
    if nonce.key != job.enrolment.nonce_key:
        raise Bug(f"job {before.job_id} has nonce key {job.enrolment.nonce_key:#x}, not {nonce.key:#x}")
    if nonce.sequence != job.next_sequence:
        raise StaleRecord(f"the lane of job {before.job_id} is at {job.next_sequence}, not {nonce.sequence}")
    others = image.holders.get(before.job_id, set()) - {before.id}
    if others:
        raise DuplicateOperation(
            f"sequence {nonce.sequence} of job {before.job_id} is taken by run {min(others)}"
        )


def _check_ours(image: Image, occurrence_id: int, user_op_hash: Hash32) -> None:
    if image.hashes.get(user_op_hash) != occurrence_id:
        raise Bug(f"operation {user_op_hash} was never signed for occurrence {occurrence_id}")


def _check_operation(before: Occurrence, signed: SignedOperation) -> None:
    draft, operation = signed.priced.draft, signed.operation
    told = (
        draft.occurrence_id,
        draft.attempt,
        draft.nonce,
        draft.chain_id,
        operation.sender,
        operation.nonce,
    )
    nonce_value = None if before.nonce is None else before.nonce.value
    planned = (before.id, before.attempt, before.nonce, before.chain_id, before.account, nonce_value)
    if told != planned:
        raise Bug(f"operation {signed.user_op_hash} is not what occurrence {before.id} planned")


def _stored(signed: SignedOperation, change: Change) -> StoredOperation:
    draft = signed.priced.draft
    operation = JournaledOperation(
        occurrence_id=draft.occurrence_id,
        attempt=draft.attempt,
        chain_id=draft.chain_id,
        entry_point=draft.entry_point,
        nonce=draft.nonce,
        operation=signed.operation,
        user_op_hash=signed.user_op_hash,
        valid_until=signed.valid_until,
        journaled_at=change.at,
        planned_at_block=draft.plan.block_number,
        cancels=draft.cancels,
        intent=draft.plan.intent,
        useful_until=draft.plan.useful_until,
    )
    text = operation_text(signed, change.at, change.facts)
    return StoredOperation(operation, text, text_digest(text))


def _moved_lane(image: Image, before: Occurrence, change: Change) -> JobRow | None:
    if not moves_lane(change):
        return None
    job = image.job(before.job_id)
    sequence = next_sequence(before, change, job.next_sequence)
    return None if sequence == job.next_sequence else replace(job, next_sequence=sequence)


def _reservations(image: Image, before: Occurrence, change: Change) -> dict[str, Held | None]:
    mine = {key: image.reservations[key][before.id] for key in image.held_keys.get(before.id, ())}
    after: dict[str, Held] = mine
    if change.reservations is not None and change.event is not Event.FOUND:
        after = _reserved(image, before, change)
    if change.event is Event.RAISE:
        after = _covering(after, mine)
    if change.event in RELEASES:
        after = {key: held for key, held in after.items() if outlasts(change.event, key)}
    if change.event in COUNTS and change.inclusion is not None:
        block = change.inclusion.block_number
        after = {
            key: held if counted_by_agent(key) else replace(held, counted_in_block=block)
            for key, held in after.items()
        }
    elif change.event in UNCOUNTS:
        after = {key: replace(held, counted_in_block=None) for key, held in after.items()}
    return {key: after.get(key) for key in mine | after if after.get(key) != mine.get(key)}


def _reserved(image: Image, before: Occurrence, change: Change) -> dict[str, Held]:
    after = {}
    for reservation in change.reservations or ():
        others = sum(
            held.amount
            for owner, held in image.reservations.get(reservation.limit_key, {}).items()
            if owner != before.id and held.counts_at(reservation.at_block)
        )
        check_room(reservation, others, image.spent.get(reservation.limit_key, 0))
        after[reservation.limit_key] = Held(reservation.amount, before.chain_id)
    return after


def _covering(after: dict[str, Held], before: dict[str, Held]) -> dict[str, Held]:
    """Hold no limit for less than anything signed so far may use: all of it may still land."""
    kept = {key: held for key, held in before.items() if key not in after or held.amount > after[key].amount}
    return after | kept


def _spent(
    image: Image, before: Occurrence, change: Change, changed: dict[str, Held | None]
) -> dict[str, int]:
    if change.event is Event.FOUND and change.reservations is not None:
        return {one.limit_key: one.amount for one in change.reservations if one.amount}
    inclusion = change.inclusion or before.inclusion
    if inclusion is None and change.event not in SPENDS:
        return {}
    gone = [key for key, held in changed.items() if held is None and counted_by_agent(key)]
    amounts = {key: image.reservations[key][before.id].amount for key in gone}
    used = {key: _used(change.event, key, amount, inclusion) for key, amount in amounts.items()}
    return {key: amount for key, amount in used.items() if amount}


def _used(event: Event, limit_key: str, reserved: int, inclusion: Inclusion | None) -> int:
    if not limit_key.startswith(JOB):
        return spent(limit_key, reserved, inclusion)
    # A cancel was included and did nothing that its job caps.
    return 0 if event is Event.SEE_CANCEL else used_of_cap(reserved, inclusion)


def _failed_uses(image: Image, before: Occurrence, change: Change) -> tuple[FailedUse, ...] | None:
    if change.event in UNCOUNTS:
        return ()
    inclusion = change.inclusion
    # What a finality of depth zero settles at once was seen to fail first.
    if change.event is not Event.SEE_FAIL or inclusion is None:
        return None
    held = ((key, image.reservations[key][before.id]) for key in image.held_keys.get(before.id, ()))
    uses = (_failed_use(before, inclusion, key, one.amount) for key, one in sorted(held))
    return tuple(use for use in uses if use is not None)


def _failed_use(before: Occurrence, inclusion: Inclusion, limit_key: str, amount: int) -> FailedUse | None:
    permission = permission_of(limit_key)
    if permission is None:
        return None
    session = SessionScope(before.chain_id, before.account, permission)
    return FailedUse(inclusion.user_op_hash, limit_key, session, amount, inclusion.block_number)


def _write(
    image: Image, before: Occurrence, effects: _Effects, change: Change, proof: dict[str, str]
) -> Occurrence:
    after = effects.after
    data = _data(after, change) | _lane(image, before, effects, change) | proof
    if effects.failed_uses:
        data["failed_uses"] = {use.limit_key: str(use.amount) for use in effects.failed_uses}
    if effects.kept:
        data["kept"] = sorted(effects.kept)
    if effects.spent:
        data["spent"] = {key: str(amount) for key, amount in effects.spent.items()}
    # First, because a fact that JSON cannot carry must leave the image as it was.
    image.note(Note(change.at, change.event.value, data, before.id, before.state.value, after.state.value))
    if effects.job is not None:
        image.put_job(effects.job)
    _write_limits(image, before.id, effects)
    if effects.failed_uses is not None:
        seen = change.inclusion or before.inclusion
        if seen is not None:
            image.put_failed_uses(seen.user_op_hash, effects.failed_uses)
    return image.put_occurrence(after)


def _write_limits(image: Image, occurrence_id: int, effects: _Effects) -> None:
    for key, held in effects.reservations.items():
        image.put_reservation(occurrence_id, key, held)
    for key, amount in effects.spent.items():
        image.put_spent(key, amount)


def _lane(image: Image, before: Occurrence, effects: _Effects, change: Change) -> dict[str, str]:
    """Return where a word on the lane leaves it, maybe further than it: the row is held to that."""
    if change.lane_next is None:
        return {}
    return {"lane_next": str((effects.job or image.job(before.job_id)).next_sequence)}


def _data(after: Occurrence, change: Change) -> dict[str, Any]:
    nonce, held, inclusion = change.nonce, change.reservations, change.inclusion
    parts = {
        "version": after.version,
        "attempt": after.attempt,
        "code": change.code or None,
        "reason": change.reason or None,
        "not_before": change.not_before,
        "nonce": None if nonce is None else {"key": hex(nonce.key), "sequence": str(nonce.sequence)},
        "reservations": None if held is None else {one.limit_key: str(one.amount) for one in held},
        "inclusion": None if inclusion is None else inclusion_form(inclusion),
        "facts": change.facts or None,
    }
    return {name: value for name, value in parts.items() if value is not None}


def inclusion_form(inclusion: Inclusion) -> dict[str, Any]:
    """Write an inclusion as JSON values."""
    return {
        "user_op_hash": str(inclusion.user_op_hash),
        "transaction_hash": str(inclusion.transaction_hash),
        "block_number": inclusion.block_number,
        "block_hash": str(inclusion.block_hash),
        "success": inclusion.success,
        "actual_gas_cost_wei": str(inclusion.actual_gas_cost_wei),
        "delivered": inclusion.delivered,
        "why": inclusion.why,
        "paymaster_fee": None if inclusion.paymaster_fee is None else str(inclusion.paymaster_fee),
    }
