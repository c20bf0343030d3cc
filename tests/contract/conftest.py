"""The three journals, each test on a store of its own cloned from a migrated one."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.adapters.memory import MemoryJournal
from agent.adapters.sql import open_journal
from agent.ports import Journal
from tests.devnet import devnet
from tests.postgres import PostgresServer, postgres_server

__all__ = ["devnet"]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "journal.db"
    open_journal(f"sqlite:///{path}", exclusive=True).close_now()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "journal.db")
    return f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    name = postgres.create()
    open_journal(postgres.url(name), exclusive=True).close_now()
    # No database is cloned while somebody is connected to it.
    postgres.until_left(postgres.url(name))
    return name


@pytest.fixture
def postgres_url(postgres: PostgresServer, postgres_template: str) -> str:
    return postgres.url(postgres.create(postgres_template))


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def journal(request: pytest.FixtureRequest) -> AsyncIterator[Journal]:
    opened: Journal = (
        MemoryJournal()
        if request.param == "memory"
        else open_journal(request.getfixturevalue(f"{request.param}_url"), exclusive=True)
    )
    yield opened
    await opened.close()
