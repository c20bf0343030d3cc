"""A kill that asks for cancels: what of it is asked for, and what still stands in the way."""

from agent.adapters.memory import MemoryJournal
from agent.commands.kill_cancel import Asked, cancel_in_flight
from agent.domain.hold import AccountScope, ChainScope, Hold, JobScope, Scope
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.kill import ACKNOWLEDGED, CANCELLING
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.domain.units import ChainId, Timestamp
from tests.builders import ACCOUNT, CHAIN_ID, NOW
from tests.contract.journals import a_job, claimed, sent, tell

MINE = AccountScope(CHAIN_ID, ACCOUNT)


async def now() -> Timestamp:
    return NOW


async def flying(journal: MemoryJournal) -> Occurrence:
    (row,) = await claimed(journal, a_job())
    return await sent(journal, row)


async def asked(journal: MemoryJournal, scope: Scope = MINE) -> list[Asked]:
    return list(await cancel_in_flight(lambda: journal, [scope], now, "looks wrong"))


async def test_what_was_sent_is_asked_for_and_what_a_bundler_made_us_hold_too() -> None:
    for is_held in (False, True):
        journal = MemoryJournal()
        row = await flying(journal)
        if is_held:
            await tell(journal, row, Event.HOLD, code="signature_refused")
        assert await asked(journal) == [Asked(row.id, "rent")]
        after = await journal.occurrence(row.id)
        assert (after.state, after.code) == (State.SENT, CANCEL_ASKED)


async def test_what_is_not_out_or_under_another_scope_is_left_alone() -> None:
    journal = MemoryJournal()
    row = await flying(journal)
    assert await asked(journal, ChainScope(ChainId(1))) == []
    (other,) = await claimed(journal, a_job("gym"))
    await tell(journal, other, Event.HOLD, code="internal_error")
    assert [one.run_id for one in await asked(journal)] == [row.id]


async def test_a_hold_that_no_cancel_passes_is_named() -> None:
    journal = MemoryJournal()
    row = await flying(journal)
    breaker = Hold(MINE, "breaker_spend", "20 USDC signed away", NOW)
    others: list[tuple[Scope, str]] = [
        (MINE, CANCELLING),
        (MINE, ACKNOWLEDGED),
        (JobScope("gym"), "breaker_reverts"),
    ]
    for hold in (breaker, *(Hold(scope, code, "", NOW) for scope, code in others)):
        await journal.hold(hold)
    assert await asked(journal) == [Asked(row.id, "rent", waits_for=(breaker,))]
