"""A trial of jobs at a block: which block, what they make of it, and what their session says."""

from dataclasses import replace
from typing import cast

import pytest

from agent.commands.jobs_try import block_at, try_jobs
from agent.commands.replay_purse import Paid, Refusal
from agent.commands.session_need import Wish
from agent.definitions.records import Definitions
from agent.domain.errors import NotFound
from agent.domain.evaluation import Act, Skip, Wait
from agent.domain.job import JobDefinition
from agent.domain.units import Timestamp
from agent.ports import ChainReader
from jobs import KINDS
from jobs.top_up_spec import Keep
from tests.unit.commands.tapes import FakeChain, reads_of
from tests.unit.commands.test_session_need import a_draft, a_job
from tests.unit.commands.test_session_sound import definitions, made  # noqa: F401 - a fixture
from tests.unit.jobs.top_ups import ETHER, a_top_up

GENESIS = 1_800_000_000
UNTIL = Timestamp(GENESIS + 60 * 86_400)


def a_refill(**fields: object) -> JobDefinition:
    spec = a_top_up(Keep.BALANCE, ETHER, **fields)
    return replace(a_job("gas", max_cost_wei=10**20), kind="top_up", schedule=None, spec=spec)


def chain_with(job: JobDefinition, *answers: int) -> FakeChain:
    return FakeChain(answers=dict(zip(reads_of(job), answers, strict=False)))


@pytest.mark.parametrize(
    ("at", "number"),
    [(GENESIS, 0), (GENESIS + 11, 0), (GENESIS + 12, 1), (GENESIS + 5_999, 499), (GENESIS + 10**6, 1_000)],
)
async def test_newest_block_that_is_not_later_is_taken(at: int, number: int) -> None:
    chain = FakeChain()
    assert (await block_at(cast("ChainReader", chain), Timestamp(at))).number == number
    assert len(chain.asked) < 15


async def test_before_its_first_block_the_chain_was_not_there() -> None:
    with pytest.raises(NotFound):
        await block_at(cast("ChainReader", FakeChain()), Timestamp(GENESIS - 1))


async def test_job_says_what_it_sees_and_would_do(definitions: Definitions) -> None:  # noqa: F811
    job = a_refill()
    reader = cast("ChainReader", chain_with(job, 10, 10**20))
    (found,) = await try_jobs(definitions, reader, [job], await reader.block("latest"))
    assert found.glance is not None
    assert (found.glance.fires, found.view.block_number) == (True, 1_000)
    assert isinstance(found.decided, Act)
    assert isinstance(found.verdict, Paid)
    assert (found.verdict.session, found.is_refused) == ("", False)


async def test_what_cannot_be_read_is_unknown(definitions: Definitions) -> None:  # noqa: F811
    job = a_refill()
    reader = cast("ChainReader", chain_with(job))
    (found,) = await try_jobs(definitions, reader, [job], await reader.block(7))
    assert found.glance is not None
    assert (found.glance.fires, found.glance.alarm, isinstance(found.decided, Wait)) == (False, True, True)
    assert found.verdict is None


async def test_session_as_granted_has_the_last_word(definitions: Definitions) -> None:  # noqa: F811
    job, smaller = a_refill(), a_refill(to=100)
    reader = cast("ChainReader", chain_with(job, 10, 10**20))
    for granted, allows in ((job, True), (smaller, False)):
        wish = Wish(uses=1, headroom=0, until=UNTIL)
        session = made(definitions, a_draft(granted), wish).definition
        files = replace(definitions, sessions={"main": session})
        (found,) = await try_jobs(files, reader, [job], await reader.block("latest"))
        assert found.is_refused is not allows
        if isinstance(found.verdict, Refusal):
            assert (found.verdict.code, "100 left" in found.verdict.why) == ("value_limit", True)


async def test_another_time_can_be_given(definitions: Definitions) -> None:  # noqa: F811
    job = a_refill()
    reader = cast("ChainReader", chain_with(job, 10, 10**20))
    block = await reader.block("latest")
    (found,) = await try_jobs(definitions, reader, [job], block, Timestamp(GENESIS))
    assert found.view.timestamp == GENESIS
    sound = cast("ChainReader", chain_with(job, 60, 10**20))
    (found,) = await try_jobs(definitions, sound, [job], block)
    assert isinstance(found.decided, Skip)
    assert KINDS[job.kind].watch_reads(job.spec, job.account)[0] in found.view.values
