"""What only SQLite can get wrong: the file, its modes, its damage, its lock, its schema."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from agent.adapters.sql import open_journal, schema
from agent.adapters.sql.engine import sqlite_engine
from agent.adapters.sql.schema import HEAD
from agent.adapters.sql.tables import metadata
from agent.domain.errors import SettingsError, StoreInUse, StoreRefused, StoreUnavailable
from agent.domain.states import Event
from tests.builders import NOW
from tests.contract.journals import a_job, claimed, sent, tell


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def change(url: str, statement: str) -> None:
    """Edit the file behind the journal's back."""
    with sqlite3.connect(path_of(url)) as connection:
        assert connection.execute(statement).rowcount == 1


def test_a_new_store_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.db"
    journal = open_journal(f"sqlite:///{path}", exclusive=True)
    names = {entry.name for entry in path.parent.iterdir()}
    modes = {stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    journal.close_now()
    assert {"journal.db", "journal.db-wal", "journal.db-shm", "journal.db.lock"} == names
    assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_every_commit_is_fsynced_into_a_write_ahead_log(sqlite_url: str) -> None:
    with sqlite_engine(path_of(sqlite_url), writes=True).connect() as connection:
        pragmas = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert pragmas == ["wal", 2, 1, 10_000]


def test_readers_cannot_write(sqlite_url: str) -> None:
    with (
        sqlite_engine(path_of(sqlite_url), writes=False).connect() as connection,
        pytest.raises(Exception, match="readonly"),
    ):
        connection.execute(text("DELETE FROM jobs"))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://db", "journal.db", ""])
def test_another_kind_of_store_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="sqlite:///path or postgresql://"):
        open_journal(url, exclusive=False)


async def test_a_second_worker_is_refused_and_told_who_has_the_store(sqlite_url: str) -> None:
    first = open_journal(sqlite_url, exclusive=True)
    with pytest.raises(StoreInUse, match=f"process {os.getpid()}"):
        open_journal(sqlite_url, exclusive=True)
    await first.close()
    await open_journal(sqlite_url, exclusive=True).close()


async def test_a_link_to_the_store_is_the_same_store(sqlite_url: str, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path_of(sqlite_url))
    first = open_journal(sqlite_url, exclusive=True)
    with pytest.raises(StoreInUse):
        open_journal(f"sqlite:///{link}", exclusive=True)
    await first.close()


async def test_a_killed_worker_leaves_the_store_free(sqlite_url: str) -> None:
    script = (
        "import sys; from agent.adapters.sql import open_journal; "
        "journal = open_journal(sys.argv[1], exclusive=True); print('open', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, sqlite_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"open\n"
    with pytest.raises(StoreInUse, match=f"process {child.pid}"):
        open_journal(sqlite_url, exclusive=True)
    child.kill()
    child.communicate()
    await open_journal(sqlite_url, exclusive=True).close()


async def test_a_command_writes_while_the_worker_runs(sqlite_url: str) -> None:
    worker = open_journal(sqlite_url, exclusive=True)
    command = open_journal(sqlite_url, exclusive=False)
    await worker.enroll([a_job(f"job-{number}") for number in range(20)], NOW)
    await asyncio.gather(
        *(worker.pause(f"job-{number}", "worker", NOW) for number in range(20)),
        *(command.pause(f"job-{number}", "command", NOW) for number in range(20)),
    )
    assert len(await worker.entries()) == 60
    await worker.verify()
    await command.close()
    await worker.close()


async def test_a_flipped_byte_in_an_entry_is_found(sqlite_url: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    await claimed(journal)
    await journal.verify()
    change(sqlite_url, "UPDATE entries SET data = replace(data, 'rent', 'tent') WHERE sequence = 2")
    with pytest.raises(StoreUnavailable, match="entry 2 breaks"):
        await journal.verify()
    await journal.close()


async def test_a_missing_entry_is_found(sqlite_url: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    await claimed(journal)
    change(sqlite_url, "DELETE FROM entries WHERE sequence = 2")
    with pytest.raises(StoreUnavailable, match="entry 2 breaks"):
        await journal.verify()
    await journal.close()


async def test_a_flipped_byte_in_a_signed_operation_is_found_when_it_is_read(sqlite_url: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    (row,) = await claimed(journal)
    await sent(journal, row)
    change(sqlite_url, "UPDATE operations SET record = replace(record, 'USDC', 'USDT')")
    with pytest.raises(StoreUnavailable, match="does not match its digest"):
        await journal.operations(row.id)
    with pytest.raises(StoreUnavailable, match="does not match its digest"):
        await journal.verify()
    await journal.close()


async def test_an_operation_forged_with_its_own_digest_or_removed_is_found(sqlite_url: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    (row,) = await claimed(journal)
    await sent(journal, row)
    change(sqlite_url, "DELETE FROM operations")
    with pytest.raises(StoreUnavailable, match="operations and entries disagree"):
        await journal.verify()
    await journal.close()


async def test_a_state_edited_behind_the_journals_back_is_found(sqlite_url: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    (row,) = await claimed(journal)
    await tell(journal, row, Event.HOLD)
    change(sqlite_url, "UPDATE occurrences SET state = 'failed'")
    with pytest.raises(StoreUnavailable, match=f"run {row.id}"):
        await journal.verify()
    await journal.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database" * 400)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_journal(f"sqlite:///{path}", exclusive=True)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        open_journal(f"sqlite:///{tmp_path / 'file' / 'journal.db'}", exclusive=True)


async def test_a_full_disk_is_no_record_and_no_lost_record(sqlite_url: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    await journal.enroll([a_job()], NOW)
    connection = journal._engines[0].raw_connection()  # noqa: SLF001 - a disk is not filled otherwise
    connection.cursor().execute("PRAGMA max_page_count = 1")
    connection.close()
    await_full = journal.enroll([a_job(f"job-{number}") for number in range(400)], NOW)
    with pytest.raises(StoreUnavailable, match="full"):
        await await_full
    assert len(await journal.jobs(active_only=False)) == 1
    await journal.verify()
    await journal.close()


async def test_a_closed_journal_says_so(sqlite_url: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    await journal.close()
    await journal.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await journal.enroll([], NOW)
    with pytest.raises(StoreUnavailable, match="closed"):
        await journal.jobs()


def test_the_store_of_a_newer_release_is_refused(sqlite_url: str) -> None:
    change(sqlite_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreRefused, match=f"schema 9999, this release knows {HEAD}"):
        open_journal(sqlite_url, exclusive=True)
    with pytest.raises(StoreRefused):
        open_journal(sqlite_url, exclusive=True)


def test_the_migrations_build_the_tables_of_the_code(sqlite_url: str) -> None:
    with create_engine(sqlite_url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


async def test_a_store_of_the_release_before_is_brought_up_to_date(sqlite_url: str) -> None:
    older = open_journal(sqlite_url, exclusive=True)
    (row,) = await claimed(older)
    await older.close()
    go_back_to(sqlite_url, "0001")

    journal = open_journal(sqlite_url, exclusive=True)
    assert (await journal.job(row.job_id)).enrolment.sessions == ()
    await sent(journal, row)
    await journal.verify()
    await journal.close()


def go_back_to(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    with create_engine(url).begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, revision)
