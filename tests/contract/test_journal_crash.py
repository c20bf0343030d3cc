"""Kill -9, of the agent and of its database: what was acknowledged is there afterwards."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.adapters.sql import open_journal
from agent.domain.states import State
from tests.builders import a_hash
from tests.postgres import PostgresServer, postgres_server

ROOT = Path(__file__).parents[2]


@contextmanager
def appending(url: str) -> Iterator["subprocess.Popen[str]"]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.crash_child", url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def acknowledged(child: "subprocess.Popen[str]", number: int) -> list[int]:
    """Return what the child has said, once it has said `number` things."""
    assert child.stdout is not None
    return [int(child.stdout.readline()) for _ in range(number)]


def last_words(child: "subprocess.Popen[str]") -> list[int]:
    """Return what else the child has said by its end; a line that was cut was not acknowledged."""
    # Through the same reader as before: communicate() would miss what that one holds already.
    assert child.stdout is not None
    return [int(line) for line in child.stdout.read().split("\n")[:-1]]


async def check(url: str, ids: list[int]) -> None:
    """Find every acknowledged operation, and nothing half done beside them."""
    journal = open_journal(url, exclusive=True)
    for occurrence_id in ids:
        row = await journal.occurrence(occurrence_id)
        (operation,) = await journal.operations(occurrence_id)
        assert (row.state, row.user_op_hash) == (State.SIGNED, a_hash(occurrence_id))
        assert operation.user_op_hash == a_hash(occurrence_id)
    signed = await journal.occurrences(states=[State.SIGNED])
    assert {row.id for row in signed} >= set(ids)
    await journal.verify()
    await journal.close()


@pytest.mark.parametrize("after", [1, 20, 90])
async def test_a_killed_agent_loses_nothing_it_was_told_is_written(sqlite_url: str, after: int) -> None:
    with appending(sqlite_url) as child:
        ids = acknowledged(child, after)
        child.kill()
        ids += last_words(child)
    await check(sqlite_url, ids)


@pytest.mark.postgres
async def test_a_killed_agent_on_postgres_loses_nothing(postgres: PostgresServer, postgres_url: str) -> None:
    with appending(postgres_url) as child:
        ids = acknowledged(child, 40)
    postgres.until_left(postgres_url)
    await check(postgres_url, ids)


@pytest.mark.postgres
async def test_a_killed_server_loses_nothing_and_the_agent_says_it_is_gone() -> None:
    with postgres_server() as server:
        url = server.url(server.create())
        with appending(url) as child:
            ids = acknowledged(child, 40)
            server.kill()
            ids += last_words(child)
            assert child.stderr is not None
            errors = child.stderr.read()
        assert "unavailable: the journal's database failed" in errors
        server.start()
        await check(url, ids)
