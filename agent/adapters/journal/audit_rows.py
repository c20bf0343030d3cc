"""Compare jobs, lanes, runs and reservations with the hash chain: what the entries say is told over again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from agent.adapters.journal.claim import CLAIMED, FIRST_VERSION, born_held_from
from agent.adapters.journal.enrol import enrolment_form
from agent.adapters.journal.fire import FIRED
from agent.adapters.journal.image import Held
from agent.adapters.journal.record import inclusion_form
from agent.domain.budget import counted_by_agent
from agent.domain.errors import StoreDamaged
from agent.domain.journal import JobRow, JournalEntry
from agent.domain.journal_step import CONSUMES, COUNTS, RELEASES, UNCOUNTS
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State

_HELD = State.HELD.value
_DROPS = frozenset({Event.UNPLAN, Event.RETRY})
_LEAVES_CHAIN = frozenset({Event.REORG, Event.RETRY, Event.DEEP_REORG})
Reserved = dict[str, tuple[int, int | None]]
"""Amount, and the block from which on the chain counts it, by limit key."""
Nonce = tuple[str, str]


@dataclass(slots=True)
class _Job:
    form: dict[str, Any]
    active: bool = True
    paused: bool = False
    next_sequence: int = 0
    doubtful_until: int = 0


@dataclass(slots=True)
class _Run:
    job: str
    slot: str
    ordinal: int
    due_at: int
    version: int = FIRST_VERSION
    attempt: int = 0
    nonce: Nonce | None = None
    held_from: str | None = None
    inclusion: dict[str, Any] | None = None
    reserved: Reserved = field(default_factory=dict)


@dataclass(slots=True)
class RowAudit:
    """What the entries told so far, and what no row has answered for yet."""

    _jobs: dict[str, _Job] = field(default_factory=dict)
    _runs: dict[int, _Run] = field(default_factory=dict)

    def take(self, entry: JournalEntry) -> None:
        """Remember what an entry says."""
        if entry.event in _JOB_EVENTS:
            self._take_job(entry.event, orjson.loads(entry.data))
        elif entry.event == CLAIMED:
            for run, job, slot, ordinal, due_at, state, *_ in orjson.loads(entry.data)["runs"]:
                self._runs[run] = _Run(job, slot, ordinal, due_at, held_from=born_held_from(state))
        elif entry.occurrence_id is None:
            return
        elif entry.event == FIRED:
            told = orjson.loads(entry.data)
            run = _Run(told["job"], told["slot"], told["number"], told["due_at"])
            run.held_from = born_held_from(entry.to_state)
            self._runs[entry.occurrence_id] = run
        elif entry.occurrence_id in self._runs:
            self._take_change(self._runs[entry.occurrence_id], entry)

    def _take_job(self, event: str, told: dict[str, Any]) -> None:
        if event in ("enroll", "redefine"):
            form = {name: value for name, value in told.items() if name != "next"}
            # Earlier releases did not know the sessions of a job.
            form.setdefault("sessions", [])
            known = self._jobs.setdefault(told["job"], _Job(form))
            known.form, known.active = form, True
            return
        _JOB_EVENTS[event](self._jobs[told["job"]], told)

    def _take_change(self, run: _Run, entry: JournalEntry) -> None:
        event, told = Event(entry.event), orjson.loads(entry.data)
        _take_reservations(run, event, told)
        self._take_lane(run, event, told)
        run.version, run.attempt = told["version"], told["attempt"]
        run.held_from = entry.from_state if entry.to_state == _HELD else None
        if event is Event.PLAN:
            run.nonce = told["nonce"]["key"], told["nonce"]["sequence"]
        elif event in _DROPS or (entry.from_state == State.PLANNED.value and event in _UNSIGNED_ENDS):
            run.nonce = None
        if event in _LEAVES_CHAIN:
            run.inclusion = None
        elif "inclusion" in told:
            run.inclusion = told["inclusion"]

    def _take_lane(self, run: _Run, event: Event, told: dict[str, Any]) -> None:
        job = self._jobs.get(run.job)
        if job is None:
            return
        if "lane_next" in told:
            job.next_sequence = int(told["lane_next"])
        elif event in CONSUMES and run.nonce is not None:
            job.next_sequence = max(job.next_sequence, int(run.nonce[1]) + 1)

    def job(self, row: JobRow) -> None:
        """Check the row of a job and that of its lane; raise StoreDamaged."""
        name = row.enrolment.job_id
        told = self._jobs.pop(name, None)
        if told is None:
            raise _damaged(f"no entry says that there is a job {name}")
        form = enrolment_form(row.enrolment)
        for what, value in told.form.items():
            if form[what] != value:
                raise _damaged(f"{what} of job {name} is {form[what]}, the entries say {value}")
        if (row.active, row.paused) != (told.active, told.paused):
            raise _damaged(f"whether job {name} is active and paused was changed")
        if row.doubtful_until != told.doubtful_until:
            raise _damaged(f"until when the lane of job {name} is doubtful was changed")
        if row.next_sequence != told.next_sequence:
            lane = f"the lane of job {name} is at {row.next_sequence}"
            raise _damaged(f"{lane}, the entries say {told.next_sequence}")

    def run(self, row: Occurrence) -> None:
        """Check what the row of a run says beside its state; raise StoreDamaged."""
        told = self._runs.get(row.id)
        if told is None:
            raise _damaged(f"no entry says that there is a run {row.id}")
        nonce = None if row.nonce is None else (hex(row.nonce.key), str(row.nonce.sequence))
        held_from = None if row.held_from is None else row.held_from.value
        there = {
            "job": row.job_id,
            "slot": row.slot,
            "ordinal": row.ordinal,
            "due_at": row.due_at,
            "version": row.version,
            "attempt": row.attempt,
            "nonce": nonce,
            "held_from": held_from,
            "inclusion": None if row.inclusion is None else inclusion_form(row.inclusion),
        }
        for what, value in there.items():
            if value != getattr(told, what):
                raise _damaged(f"{what} of run {row.id} is {value}, the entries say {getattr(told, what)}")

    def reservation(self, occurrence_id: int, limit_key: str, held: Held) -> None:
        """Check what a run holds of a limit; raise StoreDamaged."""
        run = self._runs.get(occurrence_id)
        told = None if run is None else run.reserved.pop(limit_key, None)
        if told != (held.amount, held.counted_in_block):
            raise _damaged(f"what run {occurrence_id} holds of {limit_key} was changed")

    def finish(self) -> None:
        """Check that no row is missing; raise StoreDamaged."""
        if self._jobs:
            raise _damaged(f"job {min(self._jobs)} or its lane is missing")
        for number, run in self._runs.items():
            if run.reserved:
                raise _damaged(f"what run {number} holds of {min(run.reserved)} is missing")


def _take_reservations(run: _Run, event: Event, told: dict[str, Any]) -> None:
    """Do with what a run holds what the journal did, by the same sets of events."""
    before, after = run.reserved, run.reserved
    if "reservations" in told:
        after = {key: (int(amount), None) for key, amount in told["reservations"].items()}
    if event is Event.RAISE:
        larger = {key: held for key, held in before.items() if key not in after or held[0] > after[key][0]}
        after = after | larger
    if event in RELEASES:
        # Earlier releases kept none.
        after = {key: held for key, held in after.items() if key in told.get("kept", ())}
    if event in COUNTS and "inclusion" in told:
        after = _counted(after, told["inclusion"]["block_number"])
    elif event in UNCOUNTS:
        after = {key: (amount, None) for key, (amount, _) in after.items()}
    run.reserved = after


def _counted(reserved: Reserved, block: int) -> Reserved:
    return {
        key: (amount, counted if counted_by_agent(key) else block)
        for key, (amount, counted) in reserved.items()
    }


def _activity(*, active: bool) -> Callable[[_Job, dict[str, Any]], None]:
    def set_it(job: _Job, _: dict[str, Any]) -> None:
        job.active = active

    return set_it


def _pausing(*, paused: bool) -> Callable[[_Job, dict[str, Any]], None]:
    def set_it(job: _Job, _: dict[str, Any]) -> None:
        job.paused = paused

    return set_it


def _sessions(job: _Job, told: dict[str, Any]) -> None:
    job.form["sessions"] = told["sessions"]


def _doubt(job: _Job, told: dict[str, Any]) -> None:
    job.doubtful_until = told["until"]


def _nothing(_: _Job, __: dict[str, Any]) -> None:
    """Be told with the whole job."""


_UNSIGNED_ENDS = frozenset({Event.SKIP, Event.GIVE_UP})
_JOB_EVENTS = {
    "enroll": _nothing,
    "redefine": _nothing,
    "sessions": _sessions,
    "deactivate": _activity(active=False),
    "reactivate": _activity(active=True),
    "pause": _pausing(paused=True),
    "resume": _pausing(paused=False),
    "doubt": _doubt,
}


def _damaged(what: str) -> StoreDamaged:
    return StoreDamaged(f"the journal is damaged: {what}")
