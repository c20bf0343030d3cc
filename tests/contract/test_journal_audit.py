"""What somebody changed behind the journal's back is found by `verify`."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from agent.adapters.sql import open_journal
from agent.domain.errors import StoreUnavailable
from agent.domain.firing import Firing, Seen
from agent.domain.states import Event
from agent.ports import Journal
from tests.builders import CHAIN_ID, NOW, a_hash
from tests.contract.journals import (
    a_change,
    a_job,
    a_signed,
    claimed,
    included,
    plan,
    room,
    sent,
    tell,
)
from tests.contract.test_journal_epochs import an_epoch, flying


async def counted(journal: Journal) -> None:
    """Let one operation fail in each of two jobs, a reorg take one back, and a session count anew, twice."""
    await included(journal, await flying(journal, "rent", amount=7), success=False)
    undone = await included(journal, await flying(journal, "gym", seed=2, amount=5), success=False)
    await tell(journal, undone, Event.REORG)
    await journal.watch(CHAIN_ID, 70, [an_epoch(), an_epoch(2, 62), an_epoch(3, 63)], NOW)
    await journal.watch(CHAIN_ID, 71, [an_epoch(2, 64, 5)], NOW)


async def test_what_was_counted_and_taken_back_agrees(journal: Journal) -> None:
    await counted(journal)
    await journal.verify()


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("UPDATE failed_uses SET amount = zeroblob(32)", "burned of .* was changed"),
        ("UPDATE failed_uses SET block = block - 1", "burned of .* was changed"),
        ("UPDATE failed_uses SET limit_key = limit_key || 'x'", "burned of .* was changed"),
        ("DELETE FROM failed_uses", "burned of .* is missing"),
        ("UPDATE epochs SET from_block = 65 WHERE number = 2", "epoch 2 of .* was changed"),
        ("UPDATE epochs SET enable_nonce = zeroblob(32) WHERE number = 2", "epoch 2 of .* was changed"),
        ("UPDATE epochs SET number = 3 WHERE number = 2", "epoch 3 of .* was changed"),
        ("DELETE FROM epochs WHERE number = 1", "epoch 1 of .* is missing"),
    ],
)
async def test_what_was_changed_is_found(sqlite_url: str, statement: str, match: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    await counted(journal)
    with sqlite3.connect(Path(sqlite_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute(statement).rowcount == 1
    with pytest.raises(StoreUnavailable, match=match):
        await journal.verify()
    await journal.close()


async def lived(journal: Journal) -> None:
    """Let jobs be paused and left out, and runs be at every place where something is held or counted."""
    rows = await claimed(journal, *(a_job(name) for name in ("a", "b", "c", "d", "e", "f")))
    done, flying, counted, reverted, held, free = rows
    done = await included(journal, await sent(journal, done, 1, 5))
    await tell(journal, await tell(journal, done, Event.FINALIZE), Event.SETTLE)
    raised = await sent(journal, flying, 2, 5)
    more = a_change(raised, Event.RAISE, reservations=(room(9),))
    await journal.append(a_signed(raised, 3), more)
    await included(journal, await sent(journal, counted, 4, 7))
    reverted = await included(journal, await sent(journal, reverted, 5, 8), success=False)
    again = await tell(journal, await tell(journal, reverted, Event.FINALIZE), Event.RETRY, reservations=())
    await plan(journal, again, [room(3)])
    await tell(journal, await sent(journal, held, 6, 4), Event.HOLD, code="aa24", reason="signature")
    await tell(journal, await plan(journal, free), Event.UNPLAN, reservations=())
    await journal.pause("f", "no money", NOW)
    listed = [replace(a_job(name), sessions=(a_hash(8),)) for name in ("a", "b", "c", "d", "f")]
    await journal.enroll([*listed, a_job("g", definition="another")], NOW)
    await journal.enroll([*listed, a_job("g", definition="a third")], NOW)


async def fired(journal: Journal) -> None:
    """Let a watched job fire."""
    await journal.enroll([replace(a_job("stop"), cursor=None)], NOW)
    (row,) = await journal.fire([Firing(Seen("stop"), "1", 1, NOW, {"price": "1"})], NOW)
    assert row is not None
    await sent(journal, await tell(journal, row, Event.CLAIM), 9)


async def test_what_a_journal_wrote_itself_agrees(journal: Journal) -> None:
    await lived(journal)
    await journal.verify()


async def test_firings_agree(journal: Journal) -> None:
    await fired(journal)
    await journal.verify()


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        (
            "UPDATE lanes SET next_sequence = zeroblob(32) WHERE job_id = 'a'",
            "lane of job a is at 0, .* say 1",
        ),
        ("UPDATE lanes SET nonce_key = zeroblob(32) WHERE job_id = 'a'", "nonce_key of job a is 0x0"),
        ("UPDATE lanes SET account = zeroblob(20) WHERE job_id = 'a'", "account of job a"),
        ("DELETE FROM lanes WHERE job_id = 'a'", "job a or its lane is missing"),
        ("UPDATE jobs SET identity_digest = 'x' WHERE job_id = 'a'", "identity of job a"),
        (
            "UPDATE jobs SET definition_digest = 'x' WHERE job_id = 'g'",
            "definition of job g is x, .* a third",
        ),
        ("UPDATE jobs SET sessions = '' WHERE job_id = 'a'", "sessions of job a"),
        ("UPDATE jobs SET paused = 0 WHERE job_id = 'f'", "whether job f is active and paused"),
        ("UPDATE jobs SET active = 1 WHERE job_id = 'e'", "whether job e is active and paused"),
        ("UPDATE occurrences SET attempt = 0 WHERE job_id = 'b'", "attempt of run 2 is 0, the entries say 1"),
        ("UPDATE occurrences SET slot = '2' WHERE job_id = 'b'", "slot of run 2"),
        ("UPDATE occurrences SET ordinal = 9 WHERE job_id = 'b'", "ordinal of run 2"),
        ("UPDATE occurrences SET due_at = 9 WHERE job_id = 'b'", "due_at of run 2"),
        ("UPDATE occurrences SET version = 1 WHERE job_id = 'b'", "version of run 2"),
        (
            "UPDATE occurrences SET nonce_sequence = NULL, nonce_key = NULL WHERE job_id = 'b'",
            "nonce of run 2",
        ),
        ("UPDATE occurrences SET held_from = 'claimed' WHERE job_id = 'e'", "held_from of run 5 is claimed"),
        ("UPDATE occurrences SET inclusion = NULL WHERE job_id = 'c'", "inclusion of run 3"),
        ("UPDATE reservations SET amount = zeroblob(32) WHERE occurrence_id = 2", "run 2 holds of usdc was"),
        (
            "UPDATE reservations SET counted_in_block = NULL WHERE occurrence_id = 3",
            "run 3 holds of usdc was",
        ),
        ("DELETE FROM reservations WHERE occurrence_id = 5", "run 5 holds of usdc is missing"),
        (
            "INSERT INTO reservations VALUES (1, 'usdc', 31337, zeroblob(32), NULL)",
            "run 1 holds of usdc was changed",
        ),
    ],
)
async def test_a_row_that_the_entries_contradict_is_found(
    sqlite_url: str, statement: str, match: str
) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    await lived(journal)
    await journal.verify()
    with sqlite3.connect(Path(sqlite_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute(statement).rowcount == 1
    with pytest.raises(StoreUnavailable, match=match) as damaged:
        await journal.verify()
    assert "backup" in damaged.value.remedy
    await journal.close()


@pytest.mark.parametrize("number", [0, 2])
async def test_a_firing_with_another_number_is_found(sqlite_url: str, number: int) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    await fired(journal)
    with sqlite3.connect(Path(sqlite_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("UPDATE occurrences SET ordinal = ?", (number,)).rowcount == 1
    with pytest.raises(StoreUnavailable, match=f"ordinal of run 1 is {number}, the entries say 1"):
        await journal.verify()
    await journal.close()
