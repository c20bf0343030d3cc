"""A payment that does not land for its fees: raised until it does, or cancelled, never made twice."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.devnet import chain, rpc
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.domain.job import FeeCaps, GiveUp
from agent.domain.session import PolicyData
from agent.domain.states import Event, State
from agent.domain.units import Timestamp, Wei
from agent.pipeline.context import JobContext
from agent.ports import Bundler
from agent.smart_sessions.policies import uni_action
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from tests.bundling import bundling_stopped
from tests.integration.paying import Paying, due_jobs, paying
from tests.integration.story import LateBundler, Story
from tests.operator import PAYEE, an_operator

pytestmark = pytest.mark.devnet
GWEI = 10**9
DEAR_WEI = 40 * GWEI
DAY_S = 86_400
SOON_S = 0.02
"""A small part of the time between two blocks."""
AFTER_RAISE_S = 61
"""More than a job waits before it raises the fees of an operation."""


class Dear:
    """Keeps the chain's base fee up, block after block; without it an empty chain gets cheap by itself."""

    def __init__(self, devnet: Devnet) -> None:
        self._devnet = devnet
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Make the chain dear from the next block on."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep())
            while await self._base_fee() < DEAR_WEI:
                await asyncio.sleep(SOON_S)

    async def end(self) -> None:
        """Let the chain be cheap again."""
        # Not cancelled: a request on its way would make the chain dear once more, for the next test.
        self._over.set()
        if self._task is not None:
            await self._task
        await self.cheap()

    async def cheap(self) -> None:
        """Make the chain cheap; without this it stays dear for some blocks."""
        while await self._base_fee() > GWEI:
            await self._set(GWEI)
            await asyncio.sleep(SOON_S)

    async def _keep(self) -> None:
        while not self._over.is_set():
            await self._set(DEAR_WEI)
            await asyncio.sleep(SOON_S)

    async def _set(self, fee_wei: int) -> None:
        await rpc.call(self._devnet.rpc_url, "anvil_setNextBlockBaseFeePerGas", hex(fee_wei))

    async def _base_fee(self) -> int:
        return int((await rpc.block(self._devnet.rpc_url))["baseFeePerGas"], 16)


def exactly(amount: int) -> PolicyData:
    """Return a rule that lets transfers of one amount through, and none of zero."""
    rule = Rule(Condition.EQUAL, 32, amount.to_bytes(32, "big"))
    return PolicyData(uni_action.ADDRESS, uni_action.encode(UniAction(Wei(0), (rule,))))


def since(job: JobContext, first_due_at: Timestamp) -> JobContext:
    """Return the job as if its first slot had been the one that was due then."""
    definition = job.definition
    assert definition.schedule is not None
    schedule = replace(definition.schedule, start=first_due_at)
    return replace(job, definition=replace(definition, schedule=schedule))


@asynccontextmanager
async def stuck_payment(
    devnet: Devnet, folder: Path, caps: FeeCaps, rules: Sequence[PolicyData] = ()
) -> AsyncIterator[Story]:
    """Sign a payment while the chain is cheap; it gets dear before the payment is sent."""
    operator = await an_operator(devnet, folder, due_jobs(["rent"]), rules=rules)
    dear = Dear(devnet)
    await dear.cheap()
    async with paying(operator) as opened:
        job = opened.world.jobs["rent"]
        late = LateBundler(job.chain.bundlers[0], dear.begin)
        bundlers: tuple[Bundler, ...] = (late,)
        job = replace(job, caps=caps, chain=replace(job.chain, bundlers=bundlers))
        world = replace(opened.world, jobs={"rent": job})
        story = Paying(world, opened.runs)
        # alto takes any fee and bundles at a loss: only while it does not bundle is anything underpriced.
        async with bundling_stopped(devnet) as bundling:
            try:
                run = await story.pay("rent")
                assert run.state is State.SENT, f"{run.code}: {run.reason}"
                yield Story(story, run, job, operator, late, bundling)
            finally:
                await dear.end()


async def test_an_underpriced_payment_lands_within_two_raises(devnet: Devnet, tmp_path: Path) -> None:
    async with stuck_payment(devnet, tmp_path, FeeCaps()) as story:
        before = await token_balance(devnet, devnet.usdc, PAYEE)
        (first,) = await story.operations()
        assert first.operation.max_fee_per_gas < DEAR_WEI
        assert (await story.look()).state is State.SENT
        assert len(await story.operations()) == 1

        await chain.increase_time(devnet, AFTER_RAISE_S)
        assert (await story.look()).code == "accepted"
        await story.bundle()

        first, *raised = await story.operations()
        assert 1 <= len(raised) <= 2
        assert {(item.nonce, item.operation.call_data) for item in raised} == {
            (first.nonce, first.operation.call_data)
        }
        assert raised[-1].operation.max_fee_per_gas >= DEAR_WEI
        assert story.run.inclusion is not None
        assert story.run.inclusion.user_op_hash == raised[-1].user_op_hash
        assert await token_balance(devnet, devnet.usdc, PAYEE) == before + 1_000_000
        assert (await story.events()).count(Event.RAISE) == len(raised)


async def test_a_journal_that_lost_the_raise_recognises_the_payment_by_its_calls(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with stuck_payment(devnet, tmp_path, FeeCaps()) as story:
        await chain.increase_time(devnet, AFTER_RAISE_S)
        await story.look()
        first, raised = await story.operations()
        story.known, story.job = (first,), since(story.job, story.run.due_at)
        await story.bundle(State.FINAL_OK)

        assert (story.run.code, story.run.settled) == ("found_on_chain", True)
        assert story.run.inclusion is not None
        assert story.run.inclusion.user_op_hash == raised.user_op_hash


async def test_a_payment_that_yesterdays_slot_may_have_had_is_not_booked(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with stuck_payment(devnet, tmp_path, FeeCaps()) as story:
        await chain.increase_time(devnet, AFTER_RAISE_S)
        await story.look()
        first, _ = await story.operations()
        story.known, story.job = (first,), since(story.job, Timestamp(story.run.due_at - DAY_S))
        await story.bundle(State.FOREIGN)

        assert (story.run.code, story.run.inclusion) == ("foreign_nonce", None)


async def test_a_payment_at_its_cap_goes_again_as_it_is(devnet: Devnet, tmp_path: Path) -> None:
    async with stuck_payment(devnet, tmp_path, FeeCaps(max_fee_per_gas_wei=Wei(4 * GWEI))) as story:
        await chain.increase_time(devnet, AFTER_RAISE_S)
        while (await story.operations())[-1].operation.max_fee_per_gas * 11 <= 40 * GWEI:
            await story.look()
            await chain.increase_time(devnet, AFTER_RAISE_S)
        count = len(await story.operations())

        await story.look()

        assert len(await story.operations()) == count
        entries = await story.paying.world.services.journal.entries(story.run.id)
        told = [entry.data for entry in entries if entry.event == Event.SEND][-1]
        assert "at_fee_cap" in told


async def test_a_payment_is_cancelled_when_its_grace_ends_at_the_cap(devnet: Devnet, tmp_path: Path) -> None:
    caps = FeeCaps(max_fee_per_gas_wei=Wei(100 * GWEI), give_up=GiveUp.CANCEL)
    async with stuck_payment(devnet, tmp_path, caps) as story:
        before = await token_balance(devnet, devnet.usdc, PAYEE)
        await chain.increase_time(devnet, DAY_S + 1)
        await story.look()
        await story.bundle(State.CANCELLED)

        payment, cancel = await story.operations()
        assert (payment.cancels, cancel.cancels) == (False, True)
        assert payment.nonce == cancel.nonce
        assert await token_balance(devnet, devnet.usdc, PAYEE) == before
        row = await story.paying.world.services.journal.job("rent")
        assert row.next_sequence == payment.nonce.sequence + 1
        assert await story.paying.world.services.journal.reserved() == {}


async def test_the_payment_may_land_although_its_cancel_was_sent(devnet: Devnet, tmp_path: Path) -> None:
    async with stuck_payment(devnet, tmp_path, FeeCaps(give_up=GiveUp.CANCEL)) as story:
        (payment,) = await story.operations()
        await chain.increase_time(devnet, DAY_S + 1)
        story.bundler.is_deaf = True
        await story.look()
        assert len(await story.operations()) == 2
        await story.bundle()

        assert story.run.inclusion is not None
        assert story.run.inclusion.user_op_hash == payment.user_op_hash


async def test_a_session_that_permits_nothing_harmless_leaves_the_run_held(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with stuck_payment(devnet, tmp_path, FeeCaps(give_up=GiveUp.CANCEL), [exactly(1_000_000)]) as story:
        await chain.increase_time(devnet, DAY_S + 1)
        await story.look()

        assert (story.run.state, story.run.code) == (State.HELD, "cannot_cancel")
        assert len(await story.operations()) == 1
        await story.bundle()
