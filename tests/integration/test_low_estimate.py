"""A gas limit that was estimated too low: the operation gets more gas on its nonce, and not for ever."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.devnet.paymasters import PaymasterKind
from agent.domain.job import FeeCaps
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.send_answer import RejectedAnswer, SendAnswer
from agent.domain.states import Event, State
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext
from agent.pipeline.follow import LogScan
from agent.pipeline.ladder import MOST_REBUILDS
from agent.ports import Bundler
from tests.bundling import bundling_stopped
from tests.integration.paying import Paying, due_jobs, paying
from tests.integration.sponsoring import services, sponsored_operator
from tests.integration.story import LateBundler
from tests.operator import an_operator

pytestmark = pytest.mark.devnet
SOON_S = 6
"""More than passes before an operation that lacks gas is built anew."""


class NeverEnough:
    """A bundler to whom an operation never has gas enough."""

    def __init__(self, bundler: Bundler) -> None:
        self._bundler = bundler

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the port
        return getattr(self._bundler, name)

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Refuse as alto does."""
        return RejectedAnswer(-32_500, f"UserOperation {operation.nonce} reverted: AA23 reverted 0x")


def through(work: Paying, job: str, bundler: Bundler, caps: FeeCaps | None = None) -> Paying:
    """Return the same world with another bundler, and other caps on fees, for one job."""
    found = work.world.jobs[job]
    bundlers: tuple[Bundler, ...] = (bundler,)
    changed = replace(found, caps=caps or FeeCaps(), chain=replace(found.chain, bundlers=bundlers))
    jobs: Mapping[str, JobContext] = {**work.world.jobs, job: changed}
    return Paying(replace(work.world, jobs=jobs), work.runs)


async def test_what_was_estimated_on_top_of_another_operation_gets_more_gas(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with services(devnet, PaymasterKind.VERIFYING) as (first,):
        operator = await sponsored_operator(
            devnet, tmp_path, {"first": first}, jobs=("rent", "gym"), pay_gas_by="first"
        )
        async with paying(operator) as opened, bundling_stopped(devnet) as bundling:
            rent = await opened.pay("rent")

            async def rent_is_paid() -> None:
                await bundling.go_on()
                assert await opened.included(operator, rent)

            late = LateBundler(opened.world.jobs["gym"].chain.bundlers[0], rent_is_paid)
            work = through(opened, "gym", late)
            gym = await work.pay("gym")
            assert (gym.state, gym.code) == (State.SENT, "aa23_no_reason")

            await chain.increase_time(devnet, SOON_S)
            gym = await work.look(gym, LogScan())
            assert await work.included(operator, gym)
            first_one, second = await work.world.services.journal.operations(gym.id)
        assert first_one.nonce == second.nonce
        assert second.operation.verification_gas_limit > first_one.operation.verification_gas_limit


async def test_what_is_refused_however_much_gas_it_has_is_held(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs(["rent"]))
    async with paying(operator) as opened:
        work = through(opened, "rent", NeverEnough(opened.world.jobs["rent"].chain.bundlers[0]))
        run = await work.pay("rent")
        while run.state is State.SENT:
            await chain.increase_time(devnet, SOON_S)
            run = await work.look(run, LogScan())
        operations = await work.world.services.journal.operations(run.id)

    assert (run.state, run.code) == (State.HELD, "gas_refused")
    limits = [item.operation.verification_gas_limit for item in operations]
    assert len(limits) == 1 + MOST_REBUILDS
    assert all(4 * after >= 5 * before for before, after in pairwise(limits))
    assert len({item.nonce for item in operations}) == 1


async def refused_cancel(work: Paying) -> tuple[Occurrence, JournaledOperation]:
    """Return a run whose cancel was refused for its gas, and the cancel."""
    services = work.world.services
    run, now = await work.pay("rent"), await services.clock.now()
    asked = change_of(run, Event.ASK_CANCEL, now, code=CANCEL_ASKED, not_before=now)
    run = await services.journal.record(asked)
    run = await work.look(run, LogScan())
    newest = (await services.journal.operations(run.id))[-1]
    assert (run.state, run.code, newest.cancels) == (State.SENT, "aa23_no_reason", True)
    return run, newest


async def test_a_cancel_gets_more_gas_as_often_and_stays_a_cancel(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs(["rent"]))
    async with paying(operator) as opened:
        work = through(opened, "rent", NeverEnough(opened.world.jobs["rent"].chain.bundlers[0]))
        run, cancel = await refused_cancel(work)
        while run.state is State.SENT:
            await chain.increase_time(devnet, SOON_S)
            run = await work.look(run, LogScan())
        payment, *cancels = await work.world.services.journal.operations(run.id)

    assert (run.state, run.code) == (State.HELD, "gas_refused")
    assert len(cancels) == 1 + MOST_REBUILDS
    assert {(item.nonce, item.cancels) for item in cancels} == {(payment.nonce, True)}
    assert {item.operation.call_data for item in cancels} == {cancel.operation.call_data}
    limits = [item.operation.verification_gas_limit for item in cancels]
    assert all(4 * after >= 5 * before for before, after in pairwise(limits))


async def test_a_cancel_that_has_no_fees_left_for_more_gas_is_held(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs(["rent"]))
    async with paying(operator) as opened:
        bundler = NeverEnough(opened.world.jobs["rent"].chain.bundlers[0])
        run, cancel = await refused_cancel(through(opened, "rent", bundler))
        before = await opened.world.services.journal.operations(run.id)
        caps = FeeCaps(max_fee_per_gas_wei=cancel.operation.max_fee_per_gas)
        await chain.increase_time(devnet, SOON_S)

        run = await through(opened, "rent", bundler, caps).look(run, LogScan())

        assert (run.state, run.code) == (State.HELD, "gas_refused")
        assert await opened.world.services.journal.operations(run.id) == before
