"""What failed operations burned, and since when a session's counters count anew."""

from agent.domain.budget import LimitKey
from agent.domain.hold import Burn, Epoch, SessionScope, Watched
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event
from agent.domain.units import UINT256_MAX, Address, ChainId
from agent.ports import Journal
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash
from tests.contract.journals import a_job, claimed, included, plan, room, sign, tell

PERMISSION = a_hash(9)
SESSION = SessionScope(CHAIN_ID, ACCOUNT, PERMISSION)
OTHER = SessionScope(CHAIN_ID, ACCOUNT, a_hash(8))
KEY = str(LimitKey(CHAIN_ID, PERMISSION, a_hash(3), Address(bytes(20)), "usdc"))


async def flying(journal: Journal, name: str = "rent", *, seed: int = 1, amount: int = 7) -> Occurrence:
    await claimed(journal, a_job("gym"), a_job("rent"))
    (row,) = await journal.occurrences(job_id=name)
    planned = await plan(journal, row, [room(amount, limit=UINT256_MAX, key=KEY)])
    return await tell(journal, await sign(journal, planned, seed), Event.SEND)


def an_epoch(number: int = 1, from_block: int = 0, nonce: int = 0, session: SessionScope = SESSION) -> Epoch:
    return Epoch(session, number, from_block, nonce)


class TestWhatFailedOperationsBurn:
    async def test_an_operation_that_reverted_burned_what_it_had_reserved(self, journal: Journal) -> None:
        landed = await included(journal, await flying(journal, amount=2**200), success=False)
        assert await journal.burned() == (Burn(KEY, 1, 2**200),)
        await tell(journal, await tell(journal, landed, Event.FINALIZE), Event.SETTLE)
        assert await journal.burned() == (Burn(KEY, 1, 2**200),)
        assert await journal.reserved() == {}

    async def test_one_that_succeeded_burned_nothing(self, journal: Journal) -> None:
        await included(journal, await flying(journal))
        assert await journal.burned() == ()

    async def test_failures_of_one_limit_add_up(self, journal: Journal) -> None:
        await included(journal, await flying(journal, "rent"), success=False)
        await included(journal, await flying(journal, "gym", seed=2, amount=5), success=False)
        assert await journal.burned() == (Burn(KEY, 1, 12),)

    async def test_a_retry_that_fails_too_burns_again(self, journal: Journal) -> None:
        landed = await included(journal, await flying(journal), success=False)
        again = await tell(journal, await tell(journal, landed, Event.FINALIZE), Event.RETRY)
        planned = await plan(journal, again, [room(7, limit=UINT256_MAX, key=KEY)])
        sent = await tell(journal, await sign(journal, planned, 2), Event.SEND)
        await included(journal, sent, success=False, block=70)
        assert await journal.burned() == (Burn(KEY, 1, 14),)

    async def test_a_reorg_takes_it_back(self, journal: Journal) -> None:
        landed = await included(journal, await flying(journal), success=False)
        undone = await tell(journal, landed, Event.REORG)
        assert await journal.burned() == ()
        await included(journal, undone)
        assert await journal.burned() == ()

    async def test_the_entry_says_what_was_burned(self, journal: Journal) -> None:
        await included(journal, await flying(journal), success=False)
        assert '"failed_uses":{"' in (await journal.entries())[-1].data


class TestEpochs:
    async def test_a_sweep_is_kept(self, journal: Journal) -> None:
        assert await journal.watched(CHAIN_ID) == Watched()
        await journal.watch(CHAIN_ID, 55, [an_epoch(nonce=2**200), an_epoch(session=OTHER)], NOW)
        found = await journal.watched(CHAIN_ID)
        assert found.swept_to == 55
        assert found.newest() == {SESSION: an_epoch(nonce=2**200), OTHER: an_epoch(session=OTHER)}
        assert await journal.watched(ChainId(1)) == Watched()

    async def test_how_far_it_got_alone_adds_nothing_to_the_chain(self, journal: Journal) -> None:
        await journal.watch(CHAIN_ID, 55, [an_epoch()], NOW)
        await journal.watch(CHAIN_ID, 60, [], NOW)
        found = await journal.watched(CHAIN_ID)
        assert (found.swept_to, found.epochs) == (60, (an_epoch(),))
        assert [entry.event for entry in await journal.entries()] == ["watch"]

    async def test_a_burn_belongs_to_the_epoch_of_its_block(self, journal: Journal) -> None:
        await included(journal, await flying(journal), success=False, block=60)
        await included(journal, await flying(journal, "gym", seed=2, amount=5), success=False, block=65)
        await journal.watch(CHAIN_ID, 70, [an_epoch(), an_epoch(2, 62)], NOW)
        assert await journal.burned() == (Burn(KEY, 1, 7), Burn(KEY, 2, 5))

    async def test_an_epoch_of_another_session_changes_nothing(self, journal: Journal) -> None:
        await included(journal, await flying(journal), success=False, block=60)
        await journal.watch(CHAIN_ID, 70, [an_epoch(3, 10, session=OTHER)], NOW)
        assert await journal.burned() == (Burn(KEY, 1, 7),)

    async def test_an_epoch_that_a_reorg_undid_goes(self, journal: Journal) -> None:
        await journal.watch(CHAIN_ID, 70, [an_epoch(), an_epoch(2, 62), an_epoch(3, 63)], NOW)
        await journal.watch(CHAIN_ID, 71, [an_epoch(2, 64, 5)], NOW)
        assert (await journal.watched(CHAIN_ID)).epochs == (an_epoch(), an_epoch(2, 64, 5))
