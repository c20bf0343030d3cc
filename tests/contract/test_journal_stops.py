"""What breakers read, and who has the store, over every implementation."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from agent.adapters.sql import beside, open_journal, worker_of
from agent.domain.errors import Held, StoreUnavailable
from agent.domain.hold import AllScope, Hold
from agent.domain.kill import ACKNOWLEDGED, CANCELLING, KILLED
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.ports import Journal
from tests.builders import NOW
from tests.contract.journals import a_change, a_job, a_signed, claimed, sent, tell


async def test_entries_are_read_on_from_a_row_and_a_time(journal: Journal) -> None:
    await claimed(journal, a_job("rent"), a_job("gym"))
    every = await journal.entries()
    assert len(every) > 3
    assert await journal.entries_after(0, Timestamp(0)) == every
    assert await journal.entries_after(every[1].sequence, NOW) == every[2:]
    assert await journal.entries_after(every[-1].sequence, NOW) == ()
    assert await journal.entries_after(0, Timestamp(NOW + 1)) == ()


async def test_whoever_has_a_file_is_named(sqlite_url: str) -> None:
    await one_worker(sqlite_url, r"process \d+")
    assert str(beside(sqlite_url, ".kill")).endswith("journal.db.kill")


async def one_worker(url: str, name: str) -> None:
    """Check that the store's worker is named while it has the store, and a command never is."""
    assert worker_of(url) is None
    worker = open_journal(url, exclusive=True)
    command = open_journal(url, exclusive=False)
    assert re.fullmatch(name, worker_of(url) or "")
    await worker.close()
    # A server lets go of a lock after the connection that held it has been closed.
    async with asyncio.timeout(60):
        while worker_of(url) is not None:
            await asyncio.sleep(0.05)
    await command.close()


@pytest.mark.postgres
async def test_whoever_has_a_store_on_a_server_is_named(postgres_url: str) -> None:
    await one_worker(postgres_url, r"database process \d+( from .+)?")
    assert beside(postgres_url, ".kill") is None


def test_a_store_that_nobody_made_has_no_worker(tmp_path: Path) -> None:
    assert worker_of(f"sqlite:///{tmp_path / 'journal.db'}") is None


@pytest.mark.postgres
def test_a_server_that_is_gone_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        worker_of(f"postgresql:///x?host={tmp_path}")


async def test_a_kill_that_asks_for_cancels_refuses_the_payment_alone(journal: Journal) -> None:
    (row,) = await claimed(journal, a_job())
    flying = await sent(journal, row)
    for code in (CANCELLING, ACKNOWLEDGED):
        await journal.hold(Hold(AllScope(), code, "looks wrong", NOW))

    signed = a_signed(flying, 2)
    cancel = replace(signed, priced=replace(signed.priced, draft=replace(signed.priced.draft, cancels=True)))
    with pytest.raises(Held):
        await journal.append(signed, a_change(flying, Event.RAISE))
    with pytest.raises(Held):
        await tell(journal, flying, Event.SEND)
    raised, operation = await journal.append(cancel, a_change(flying, Event.RAISE))
    assert operation.cancels
    again = await tell(journal, raised, Event.SEND, cancels=True)
    assert again.state is State.SENT


@pytest.mark.parametrize("code", [KILLED, "breaker_errors", "session_removed"])
async def test_any_other_hold_refuses_a_cancel_too(journal: Journal, code: str) -> None:
    (row,) = await claimed(journal, a_job())
    flying = await sent(journal, row)
    await journal.hold(Hold(AllScope(), CANCELLING, "looks wrong", NOW))
    await journal.hold(Hold(AllScope(), code, "so does this", NOW))
    with pytest.raises(Held, match=code):
        await tell(journal, flying, Event.SEND, cancels=True)
