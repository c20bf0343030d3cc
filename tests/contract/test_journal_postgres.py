"""What only PostgreSQL can get wrong: durability settings, its lock, a server that goes away."""

import asyncio

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from agent.adapters.sql import open_journal
from agent.adapters.sql.lock import WORKER_LOCK
from agent.adapters.sql.tables import metadata
from agent.domain.errors import StoreInUse, StoreRefused, StoreUnavailable
from tests.builders import NOW
from tests.contract.journals import a_job
from tests.postgres import PostgresServer, postgres_server

_TRIES = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_try_advisory_lock%'"
pytestmark = pytest.mark.postgres


def test_a_server_without_fsync_is_refused() -> None:
    with (
        postgres_server("fsync = off") as server,
        pytest.raises(StoreRefused, match="fsync = off"),
    ):
        open_journal(server.url("postgres"), exclusive=True)


def test_a_role_that_commits_asynchronously_is_refused(postgres: PostgresServer, postgres_url: str) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE hasty LOGIN SUPERUSER")
        connection.execute("ALTER ROLE hasty SET synchronous_commit = off")
    with pytest.raises(StoreRefused, match="synchronous_commit = off"):
        open_journal(postgres_url.replace("postgres@", "hasty@"), exclusive=True)


async def test_a_second_worker_is_refused_and_a_command_is_not(
    postgres: PostgresServer, postgres_url: str
) -> None:
    first = open_journal(postgres_url, exclusive=True)
    with pytest.raises(StoreInUse, match=r"database process \d+, runs on this store"):
        open_journal(postgres_url, exclusive=True)
    command = open_journal(postgres_url, exclusive=False)
    await command.enroll([a_job()], NOW)
    await command.close()
    assert len(await first.jobs()) == 1
    await first.close()
    postgres.until_left(postgres_url)
    await open_journal(postgres_url, exclusive=True).close()


async def test_a_worker_waits_for_the_server_to_let_go_of_the_one_before_it(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as dying:
        dying.execute("SELECT pg_advisory_lock(%s)", (WORKER_LOCK,))
        opening = asyncio.create_task(asyncio.to_thread(open_journal, postgres_url, exclusive=True))
        with psycopg.connect(postgres_url, autocommit=True) as other:
            while not other.execute(_TRIES).fetchone():
                await asyncio.sleep(0)
    await (await opening).close()


async def test_a_lost_connection_is_unavailable_and_the_next_record_goes_through(
    postgres: PostgresServer, postgres_url: str
) -> None:
    journal = open_journal(postgres_url, exclusive=True)
    await journal.enroll([a_job()], NOW)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sessionkeeper'"
        )
    postgres.until_left(postgres_url)
    with pytest.raises(StoreUnavailable):
        await journal.pause("rent", "lost", NOW)
    assert (await journal.pause("rent", "found", NOW)).pause_reason == "found"
    assert (await journal.job("rent")).paused
    with pytest.raises(StoreInUse):
        open_journal(postgres_url, exclusive=True)
    await journal.close()


def test_a_server_that_does_not_answer_is_unavailable_without_the_password() -> None:
    with pytest.raises(StoreUnavailable) as refused:
        open_journal("postgresql://agent:hunter2@/store?host=/nonexistent", exclusive=True)
    assert "hunter2" not in str(refused.value)


def test_the_migrations_build_the_tables_of_the_code(postgres_url: str) -> None:
    engine = create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
