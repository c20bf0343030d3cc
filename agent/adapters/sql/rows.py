"""Rows as the drivers give them into records, and records into values as the drivers take them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson
from sqlalchemy import Row

from agent.adapters.journal.image import Held, StoredOperation
from agent.adapters.journal.record import inclusion_form
from agent.domain.journal import Enrolment, JobCursor, JobRow, JournalEntry
from agent.domain.occurrence import Inclusion, Nonce, Occurrence
from agent.domain.states import State
from agent.domain.units import Address, Hash32, Wei

Values = dict[str, Any]
"""Addresses and hashes as plain bytes, uint256 as 32 bytes."""

STATES = {state.value: state for state in State}
Record = Row[*tuple[Any, ...]]
Raw = tuple[Any, ...]
"""A row straight from the driver; SQLite's booleans are 0 and 1."""


def occurrence_from_row(row: Record) -> Occurrence:
    """Read a row of `occurrences`, whose columns are the record's fields in order."""
    (
        row_id,
        job_id,
        slot,
        ordinal,
        due_at,
        state,
        attempt,
        version,
        chain_id,
        account,
        held_from,
        code,
        reason,
        not_before,
    ) = row[:14]
    key, sequence, user_op_hash, inclusion, settled, created_at, updated_at = row[14:21]
    return Occurrence(
        row_id,
        job_id,
        slot,
        ordinal,
        due_at,
        STATES[state],
        attempt,
        version,
        chain_id,
        address(account),
        STATES.get(held_from),
        code,
        reason,
        not_before,
        None if key is None else Nonce(number(key), number(sequence)),
        None if user_op_hash is None else Hash32(user_op_hash),
        None if inclusion is None else _inclusion(inclusion),
        bool(settled),
        created_at,
        updated_at,
    )


def new_occurrence_values(row: Occurrence) -> Values:
    """Write the row of an occurrence that nothing has happened to yet."""
    return {
        "id": row.id,
        "job_id": row.job_id,
        "slot": row.slot,
        "ordinal": row.ordinal,
        "due_at": row.due_at,
        "state": row.state.value,
        "attempt": row.attempt,
        "version": row.version,
        "chain_id": row.chain_id,
        "account": bytes(row.account),
        "held_from": None if row.held_from is None else row.held_from.value,
        "code": row.code,
        "reason": row.reason,
        "not_before": row.not_before,
        "settled": row.settled,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def occurrence_values(row: Occurrence) -> Values:
    """Write the columns that a change may touch."""
    return {
        "state": row.state.value,
        "attempt": row.attempt,
        "version": row.version,
        "held_from": None if row.held_from is None else row.held_from.value,
        "code": row.code,
        "reason": row.reason,
        "not_before": row.not_before,
        "nonce_key": None if row.nonce is None else word(row.nonce.key),
        "nonce_sequence": None if row.nonce is None else word(row.nonce.sequence),
        "user_op_hash": None if row.user_op_hash is None else bytes(row.user_op_hash),
        "inclusion": None if row.inclusion is None else orjson.dumps(inclusion_form(row.inclusion)).decode(),
        "settled": row.settled,
        "updated_at": row.updated_at,
    }


def job_from_row(row: Raw) -> JobRow:
    """Read a row of `jobs` joined to `lanes`, in the order of their columns."""
    job_id, identity, definition, active, paused, pause_reason, slot, ordinal, due_at = row[:9]
    sessions, chain_id, account, entry_point, nonce_key, next_sequence, doubtful = row[9:]
    cursor = None if slot is None else JobCursor(slot, ordinal, due_at)
    enrolment = Enrolment(
        job_id,
        chain_id,
        address(account),
        address(entry_point),
        number(nonce_key),
        identity,
        definition,
        cursor,
        tuple(Hash32.from_hex(one) for one in sessions.split()),
    )
    sequence = number(next_sequence)
    return JobRow(enrolment, bool(active), bool(paused), pause_reason, sequence, doubtful)


def job_values(row: JobRow) -> Values:
    """Write a row of `jobs`."""
    return {
        "job_id": row.enrolment.job_id,
        "identity_digest": row.enrolment.identity_digest,
        "definition_digest": row.enrolment.definition_digest,
        "active": row.active,
        "paused": row.paused,
        "pause_reason": row.pause_reason,
        "sessions": " ".join(str(session) for session in row.enrolment.sessions),
        **cursor_values(row.enrolment.cursor),
    }


def cursor_values(cursor: JobCursor | None) -> Values:
    """Write the columns that say when a job is due next."""
    if cursor is None:
        return {"next_slot": None, "next_ordinal": None, "next_due": None}
    return {"next_slot": cursor.slot, "next_ordinal": cursor.ordinal, "next_due": cursor.due_at}


def lane_values(row: JobRow) -> Values:
    """Write a row of `lanes`."""
    return {
        "job_id": row.enrolment.job_id,
        "chain_id": row.enrolment.chain_id,
        "account": bytes(row.enrolment.account),
        "entry_point": bytes(row.enrolment.entry_point),
        "nonce_key": word(row.enrolment.nonce_key),
        "next_sequence": word(row.next_sequence),
        "doubtful_until": row.doubtful_until,
    }


def operation_values(stored: StoredOperation, position: int) -> Values:
    """Write a row of `operations`."""
    operation = stored.operation
    return {
        "user_op_hash": bytes(operation.user_op_hash),
        "position": position,
        "occurrence_id": operation.occurrence_id,
        "account": bytes(operation.operation.sender),
        "entry_point": bytes(operation.entry_point),
        "nonce_key": word(operation.nonce.key),
        "sequence": word(operation.nonce.sequence),
        "record": stored.text,
        "digest": stored.digest,
    }


def reservation_values(occurrence_id: int, limit_key: str, held: Held) -> Values:
    """Write a row of `reservations`."""
    return {
        "occurrence_id": occurrence_id,
        "limit_key": limit_key,
        "chain_id": held.chain_id,
        "amount": word(held.amount),
        "counted_in_block": held.counted_in_block,
    }


def held_from_row(row: Record) -> Held:
    """Read a row of `reservations`."""
    return Held(number(row.amount), row.chain_id, row.counted_in_block)


def entry_from_row(row: Record) -> JournalEntry:
    """Read a row of `entries`, whose columns are the record's fields in order."""
    return JournalEntry(*row)


def entry_values(entry: JournalEntry) -> Values:
    """Write a row of `entries`."""
    return {
        "sequence": entry.sequence,
        "at": entry.at,
        "occurrence_id": entry.occurrence_id,
        "event": entry.event,
        "from_state": entry.from_state,
        "to_state": entry.to_state,
        "data": entry.data,
        "previous_digest": entry.previous_digest,
        "digest": entry.digest,
    }


def word(number: int) -> bytes:
    """Write a uint256."""
    return number.to_bytes(32, "big")


# The columns hold the right length; checking it again is felt in a burst of thousands.
address: Callable[[bytes], Address] = partial(bytes.__new__, Address)


def number(data: bytes) -> int:
    """Read a uint256."""
    return int.from_bytes(data, "big")


def _inclusion(text: str) -> Inclusion:
    form: Mapping[str, Any] = orjson.loads(text)
    return Inclusion(
        user_op_hash=Hash32.from_hex(form["user_op_hash"]),
        transaction_hash=Hash32.from_hex(form["transaction_hash"]),
        block_number=form["block_number"],
        block_hash=Hash32.from_hex(form["block_hash"]),
        success=form["success"],
        actual_gas_cost_wei=Wei(int(form["actual_gas_cost_wei"])),
        delivered=form["delivered"],
        why=form["why"],
        # Journals of before there were paymasters have no such field.
        paymaster_fee=None if form.get("paymaster_fee") is None else int(form["paymaster_fee"]),
    )
