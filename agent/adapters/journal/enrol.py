"""Make jobs known, pause them, resume them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from agent.adapters.journal.command import Doubt, Pause, Resume
from agent.adapters.journal.hash_chain import Note
from agent.adapters.journal.image import Image
from agent.domain.errors import ConfigError
from agent.domain.journal import Enrolment, JobRow
from agent.domain.units import Address, ChainId, Timestamp


def enroll(image: Image, enrolments: Sequence[Enrolment], at: Timestamp) -> tuple[JobRow, ...]:
    """Make these the active jobs; the image holds every job the journal knows."""
    problems = [*_twice(enrolments), *_changed(image, enrolments), *_shared_lanes(image, enrolments)]
    if problems:
        raise ConfigError("; ".join(problems))
    rows = tuple(_enrolled(image, enrolment, at) for enrolment in enrolments)
    listed = {enrolment.job_id for enrolment in enrolments}
    for job_id, row in list(image.jobs.items()):
        if row.active and job_id not in listed:
            image.note(Note(at, "deactivate", {"job": job_id}))
            image.put_job(replace(row, active=False))
    return rows


def pause(image: Image, command: Pause) -> JobRow:
    """Stop arming the job."""
    row = image.job(command.job_id)
    image.note(Note(command.at, "pause", {"job": command.job_id, "reason": command.reason}))
    return image.put_job(replace(row, paused=True, pause_reason=command.reason))


def resume(image: Image, command: Resume) -> JobRow:
    """Arm the job again; what it missed is its catch-up rule's to decide."""
    row = image.job(command.job_id)
    image.note(Note(command.at, "resume", {"job": command.job_id}))
    return image.put_job(replace(row, paused=False, pause_reason=""))


def doubt(image: Image, command: Doubt) -> JobRow:
    """Hold from the start what comes into the journal from now on and was due until then."""
    row = image.job(command.job_id)
    if command.until <= row.doubtful_until:
        return row
    told = {"job": command.job_id, "until": command.until, "reason": command.reason}
    image.note(Note(command.at, "doubt", told))
    return image.put_job(replace(row, doubtful_until=command.until))


Lane = tuple[ChainId, Address, Address, int]


def lane_of(enrolment: Enrolment) -> Lane:
    """Return what names the lane: chain, account, EntryPoint, nonce key."""
    return enrolment.chain_id, enrolment.account, enrolment.entry_point, enrolment.nonce_key


def _twice(enrolments: Sequence[Enrolment]) -> list[str]:
    counts = Counter(enrolment.job_id for enrolment in enrolments)
    return [f"job {job_id} is listed twice" for job_id, count in counts.items() if count > 1]


_IDENTITY: dict[str, Callable[[Enrolment], object]] = {
    "chain": lambda enrolment: enrolment.chain_id,
    "account": lambda enrolment: enrolment.account,
    "EntryPoint": lambda enrolment: enrolment.entry_point,
    "lane": lambda enrolment: enrolment.nonce_key,
    "account, session, kind or payee": lambda enrolment: enrolment.identity_digest,
}


def _changed(image: Image, enrolments: Sequence[Enrolment]) -> list[str]:
    problems = []
    for enrolment in enrolments:
        known = image.jobs.get(enrolment.job_id)
        if known is None:
            continue
        parts = [part for part, of in _IDENTITY.items() if of(known.enrolment) != of(enrolment)]
        if parts:
            changed = f"job {enrolment.job_id} has another {', '.join(parts)} than before"
            problems.append(f"{changed}: give the new job an id of its own")
    return problems


def _shared_lanes(image: Image, enrolments: Sequence[Enrolment]) -> list[str]:
    problems = []
    # A lane stays its job's for good, also when the job is gone from the files: its sequences are history.
    owners = {lane_of(row.enrolment): job_id for job_id, row in image.jobs.items()}
    for enrolment in enrolments:
        owner = owners.setdefault(lane_of(enrolment), enrolment.job_id)
        if owner != enrolment.job_id:
            shared = f"jobs {owner} and {enrolment.job_id} share nonce key {enrolment.nonce_key:#x}"
            problems.append(f"{shared} of account {enrolment.account}: set `lane` in {enrolment.job_id}")
    return problems


def _enrolled(image: Image, enrolment: Enrolment, at: Timestamp) -> JobRow:
    known = image.jobs.get(enrolment.job_id)
    if known is None:
        image.note(Note(at, "enroll", enrolment_form(enrolment)))
        return image.put_job(JobRow(enrolment, active=True, paused=False, pause_reason="", next_sequence=0))
    if known.enrolment.definition_digest != enrolment.definition_digest:
        image.note(Note(at, "redefine", enrolment_form(enrolment)))
        return image.put_job(replace(known, enrolment=enrolment, active=True))
    if known.enrolment.sessions != enrolment.sessions:
        sessions = [str(session) for session in enrolment.sessions]
        image.note(Note(at, "sessions", {"job": enrolment.job_id, "sessions": sessions}))
        known = image.put_job(replace(known, enrolment=replace(known.enrolment, sessions=enrolment.sessions)))
    if not known.active:
        image.note(Note(at, "reactivate", {"job": enrolment.job_id}))
        return image.put_job(replace(known, active=True))
    return known


def enrolment_form(enrolment: Enrolment) -> dict[str, Any]:
    """Write a job as JSON values."""
    cursor = enrolment.cursor
    return {
        "job": enrolment.job_id,
        "chain_id": str(enrolment.chain_id),
        "account": str(enrolment.account),
        "entry_point": str(enrolment.entry_point),
        "nonce_key": hex(enrolment.nonce_key),
        "identity": enrolment.identity_digest,
        "definition": enrolment.definition_digest,
        "sessions": [str(session) for session in enrolment.sessions],
        "next": None if cursor is None else [cursor.slot, cursor.ordinal, cursor.due_at],
    }
