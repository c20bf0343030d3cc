"""Run a batch of commands in one transaction: a refused command leaves its neighbours alone."""

import sqlite3
from collections.abc import Sequence
from itertools import groupby
from typing import assert_never

from sqlalchemy import BigInteger, Connection, Engine, bindparam
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from agent.adapters.journal import enrol
from agent.adapters.journal.claim import arm_all, claim_note
from agent.adapters.journal.command import (
    Append,
    Claim,
    Command,
    Doubt,
    Enroll,
    Fire,
    Pause,
    PutHold,
    Record,
    ReleaseHold,
    Remember,
    Resume,
    Watch,
)
from agent.adapters.journal.hash_chain import Tail
from agent.adapters.journal.holding import put_hold, release_hold, watch_note
from agent.adapters.journal.image import Image
from agent.adapters.journal.record import append, record
from agent.adapters.sql import tables
from agent.adapters.sql.bulk import fetch_all
from agent.adapters.sql.hold_rows import load_holds, save_epochs
from agent.adapters.sql.load import JOBS, load_for_changes, load_jobs, load_tail
from agent.adapters.sql.rows import job_from_row
from agent.adapters.sql.save import newest_id, save, save_cursors, save_new, save_sweep
from agent.adapters.sql.trigger_rows import fire_all, remember
from agent.domain.errors import AgentError, StoreDamaged, StoreUnavailable
from agent.domain.journal import JobRow
from agent.domain.occurrence import Occurrence

Change = Record | Append
JobCommand = Enroll | Pause | Resume | Doubt
HoldCommand = PutHold | ReleaseHold


def unavailable(error: SQLAlchemyError) -> StoreUnavailable:
    """Say what the database said, without the statement's values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if getattr(cause, "sqlite_errorcode", None) in _DAMAGED:
        return StoreDamaged(f"the journal's file is damaged: {cause}")
    return StoreUnavailable(f"the journal's database failed: {cause}".strip())


_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def run_batch(engine: Engine, commands: Sequence[Command[object]]) -> list[object]:
    """Return each command's result or the exception it ended with; everything else is committed."""
    try:
        with engine.begin() as connection:
            return _run(connection, commands)
    except (OperationalError, InterfaceError) as error:
        # Disk full, connection lost, commit failed: nobody's record is known to be on disk.
        return [unavailable(error)] * len(commands)
    except Exception as error:  # noqa: BLE001 - handed to whoever awaits the command that caused it
        # One command broke the transaction; alone, each of the others still goes through.
        if len(commands) > 1:
            return [result for command in commands for result in run_batch(engine, [command])]
        return [unavailable(error) if isinstance(error, SQLAlchemyError) else error]


def _run(connection: Connection, commands: Sequence[Command[object]]) -> list[object]:
    tail = load_tail(connection)
    results: list[object] = []
    for are_changes, group in groupby(commands, key=lambda command: isinstance(command, Change)):
        if are_changes:
            changes = [command for command in group if isinstance(command, Change)]
            image = load_for_changes(connection, tail, changes)
            results += [_attempt(image, command) for command in changes]
            save(connection, image.writes)
            tail = image.tail
            continue
        for command in group:
            tail, result = _run_alone(connection, tail, command)
            results.append(result)
    return results


def _attempt(image: Image, command: Change | JobCommand | HoldCommand) -> object:
    try:
        match command:
            case Record(change):
                return record(image, change)
            case Append(signed, change):
                return append(image, signed, change)
            case PutHold():
                return put_hold(image, command)
            case ReleaseHold():
                return release_hold(image, command)
            case _:
                return _on_jobs(image, command)
    except AgentError as error:
        return error


def _on_jobs(image: Image, command: JobCommand) -> object:
    match command:
        case Enroll(jobs, at):
            return enrol.enroll(image, jobs, at)
        case Pause():
            return enrol.pause(image, command)
        case Resume():
            return enrol.resume(image, command)
        case Doubt():
            return enrol.doubt(image, command)
        case _:
            assert_never(command)


def _run_alone(connection: Connection, tail: Tail, command: Command[object]) -> tuple[Tail, object]:
    image = Image(tail)
    if isinstance(command, Claim):
        result: object = _claim(connection, image, command)
    elif isinstance(command, JobCommand):
        load_jobs(connection, image, None if isinstance(command, Enroll) else [command.job_id])
        result = _attempt(image, command)
    elif isinstance(command, PutHold | ReleaseHold):
        load_holds(connection, image)
        result = _attempt(image, command)
    elif isinstance(command, Watch):
        _watch(connection, image, command)
        result = None
    elif isinstance(command, Fire):
        result = fire_all(connection, image, command)
    elif isinstance(command, Remember):
        remember(connection, command.seen)
        result = None
    else:
        raise TypeError(command)
    save(connection, image.writes)
    return image.tail, result


def _watch(connection: Connection, image: Image, command: Watch) -> None:
    save_sweep(connection, command.chain_id, command.swept_to)
    if command.epochs:
        save_epochs(connection, command.epochs)
        image.note(watch_note(command.epochs, command.at))


def _claim(connection: Connection, image: Image, command: Claim) -> tuple[Occurrence, ...]:
    moves, fresh = arm_all(_due(connection, command), command, newest_id(connection) + 1)
    rows = save_new(connection, fresh)
    save_cursors(connection, moves)
    if rows:
        image.note(claim_note(rows, command.now))
    return tuple(rows)


def _due(connection: Connection, command: Claim) -> list[JobRow]:
    found = fetch_all(connection, _DUE, {"now": command.now, "most": command.limit})
    return [job_from_row(row) for row in found]


_DUE = (
    JOBS.where(tables.jobs.c.active, ~tables.jobs.c.paused, tables.jobs.c.next_due <= bindparam("now"))
    .order_by(tables.jobs.c.next_due, tables.jobs.c.job_id)
    .limit(bindparam("most", type_=BigInteger))
)
