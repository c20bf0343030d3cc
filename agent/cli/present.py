"""How records look: as JSON values and as cells of a table."""

import json
from datetime import UTC, datetime
from typing import Any

from agent.commands.jobs import JobView
from agent.commands.runs import Run
from agent.domain.firing import TriggerRow
from agent.domain.job import JobDefinition
from agent.domain.journal import JournalEntry
from agent.domain.local_time import zone
from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.recurrence import Interval, Slot
from agent.domain.units import Timestamp
from agent.domain.watching import Again

Document = dict[str, Any]


def time_zone_of(definition: JobDefinition) -> str:
    """Return the zone in which the job's times are meant."""
    rule = definition.schedule.rule if definition.schedule else None
    return "UTC" if rule is None or isinstance(rule, Interval) else rule.time_zone


def moment(at: Timestamp, zone_name: str = "UTC") -> str:
    """Write an instant with its offset, such as `2026-03-01T09:00:00+01:00`."""
    place = UTC if zone_name == "UTC" else zone(zone_name)
    return datetime.fromtimestamp(at, place).isoformat()


def slot_document(slot: Slot, zone_name: str) -> Document:
    """Return a slot to come."""
    return {
        "slot": slot.key,
        "due_at": int(slot.due_at),
        "due": moment(slot.due_at, zone_name),
        "time_zone": zone_name,
    }


def job_document(view: JobView) -> Document:
    """Return a job with what the journal knows of it."""
    definition, row = view.definition, view.row
    zone_name = time_zone_of(definition)
    return {
        "id": definition.id,
        "kind": definition.kind,
        "condition": view.condition,
        "chain_id": int(definition.chain_id),
        "account": str(definition.account),
        "session": definition.session,
        "sessions": list(definition.sessions),
        "reference": definition.reference or None,
        "pause_reason": row.pause_reason if row and row.paused else None,
        "next_sequence": row.next_sequence if row else None,
        "nonce_key": hex(row.enrolment.nonce_key) if row else None,
        "runs": {str(state): count for state, count in sorted(view.counts.items())},
        "watch": None if view.watch is None else watch_document(view.watch),
        "upcoming": [slot_document(slot, zone_name) for slot in view.upcoming],
        "defined_at": str(definition.place),
    }


def watch_document(watch: TriggerRow) -> Document:
    """Return what a watched job saw last, as JSON values."""
    seen, firings = watch.seen, watch.firings
    ended = firings.last_ended_at
    return {
        "code": seen.code or None,
        "why": seen.why or None,
        "alarm": seen.alarm,
        "block": seen.block_number or None,
        "stopped": watch.stopped or None,
        "looks_again": {
            "on_change": seen.again.on_change,
            "at_block": seen.again.at_block,
            "at_time": None if seen.again.at_time is None else int(seen.again.at_time),
        },
        "firings": {
            "count": firings.count,
            "open": firings.open,
            "succeeded": firings.succeeded,
            "last_ended_at": None if ended is None else int(ended),
            "last_state": None if firings.last_state is None else str(firings.last_state),
        },
        "logs_heard_to": seen.log_block,
        "memory": {name: str(value) for name, value in sorted(seen.memory.items())},
    }


def watch_sentence(watch: TriggerRow) -> str:
    """Return the same for a person, in one line."""
    seen = watch.seen
    if not seen.code:
        return f"not looked at yet, {again_text(seen.again)}"
    alarm = "ALARM " if seen.alarm else ""
    return f"{alarm}{seen.code} at block {seen.block_number}: {seen.why}; {again_text(seen.again)}"


def again_text(again: Again) -> str:
    """Write when a job looks again."""
    whens = ["when an answer changes"] if again.on_change else []
    if again.at_block is not None:
        whens.append(f"at block {again.at_block}")
    if again.at_time is not None:
        whens.append(f"at {moment(again.at_time)}")
    return f"looks again {' or '.join(whens)}" if whens else "does not look again"


def run_document(occurrence: Occurrence) -> Document:
    """Return a run as the journal keeps it."""
    nonce = occurrence.nonce
    return {
        "id": occurrence.id,
        "job": occurrence.job_id,
        "slot": occurrence.slot,
        "state": str(occurrence.state),
        "held_from": str(occurrence.held_from) if occurrence.held_from else None,
        "code": occurrence.code or None,
        "reason": occurrence.reason or None,
        "attempt": occurrence.attempt,
        "due_at": int(occurrence.due_at),
        "due": moment(occurrence.due_at),
        "not_before": int(occurrence.not_before) or None,
        "chain_id": int(occurrence.chain_id),
        "account": str(occurrence.account),
        "nonce": {"key": hex(nonce.key), "sequence": nonce.sequence} if nonce else None,
        "user_op_hash": str(occurrence.user_op_hash) if occurrence.user_op_hash else None,
        "inclusion": _inclusion(occurrence.inclusion) if occurrence.inclusion else None,
        "settled": occurrence.settled,
        "updated_at": int(occurrence.updated_at),
    }


def run_detail(run: Run) -> Document:
    """Return a run with its operations and its history."""
    return run_document(run.occurrence) | {
        "violations": violations_of(run),
        "operations": [_operation(operation) for operation in run.operations],
        "history": [_entry(entry) for entry in run.entries],
    }


def violations_of(run: Run) -> list[Document]:
    """Return the rules that its last refusal named; none when the run went on or waits for something else."""
    if not run.occurrence.code or not run.entries:
        return []
    facts = json.loads(run.entries[-1].data).get("facts", {})
    found: list[Document] = json.loads(facts.get("violations", "[]"))
    return found


def run_cells(occurrence: Occurrence) -> list[object]:
    """Return a run as a row of a table."""
    inclusion = occurrence.inclusion
    return [
        occurrence.id,
        occurrence.job_id,
        occurrence.slot,
        occurrence.state,
        occurrence.attempt,
        moment(occurrence.due_at),
        inclusion.transaction_hash if inclusion else None,
        occurrence.code or None,
    ]


RUN_COLUMNS = ("ID", "JOB", "SLOT", "STATE", "ATTEMPT", "DUE", "TRANSACTION", "CODE")


def _inclusion(inclusion: Inclusion) -> Document:
    return {
        "user_op_hash": str(inclusion.user_op_hash),
        "transaction_hash": str(inclusion.transaction_hash),
        "block_number": inclusion.block_number,
        "block_hash": str(inclusion.block_hash),
        "success": inclusion.success,
        "actual_gas_cost_wei": int(inclusion.actual_gas_cost_wei),
        "delivered": inclusion.delivered,
        "why": inclusion.why or None,
    }


def _operation(operation: JournaledOperation) -> Document:
    return {
        "user_op_hash": str(operation.user_op_hash),
        "attempt": operation.attempt,
        "nonce": {"key": hex(operation.nonce.key), "sequence": operation.nonce.sequence},
        "purpose": "cancel" if operation.cancels else "payment",
        "max_fee_per_gas": operation.operation.max_fee_per_gas,
        "max_priority_fee_per_gas": operation.operation.max_priority_fee_per_gas,
        "valid_until": operation.valid_until,
        "journaled_at": int(operation.journaled_at),
    }


def _entry(entry: JournalEntry) -> Document:
    return {
        "sequence": entry.sequence,
        "at": int(entry.at),
        "event": entry.event,
        "from": entry.from_state or None,
        "to": entry.to_state or None,
        "data": entry.data,
    }
