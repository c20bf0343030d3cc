"""Sponsored operations to their end: windows that close, fees that are raised, and fees taken in tokens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.bootstrap import Store, World, opened
from agent.cli.loading import load_definitions, settings_for
from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.devnet.paymasters import PaymasterKind
from agent.devnet.tokens import balance_wei, token_balance
from agent.domain.errors import Held
from agent.domain.hold import AllScope
from agent.domain.kill import KillOrder
from agent.domain.occurrence import Occurrence
from agent.domain.paymaster import PaymasterKey
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.domain.utc_day import day_of
from agent.erc4337.gas import worst_case_cost_wei
from agent.pipeline.cancel import cancelled
from agent.pipeline.follow import LogScan
from agent.pipeline.replace import raised
from agent.pipeline.submit import submit
from agent.service import serve_worker
from tests.bundling import bundling_stopped
from tests.devnet import bundler_receipt
from tests.integration.paying import Paying, paying
from tests.integration.sponsoring import (
    IN_FINAL,
    Refuses,
    Service,
    approve,
    honest,
    services,
    sponsored_operator,
)
from tests.operator import CHAIN_ID, PAYEE, Operator

pytestmark = pytest.mark.devnet
USDC = 10**6
FEE = """\
        token_fee: {max_rate: "3000 USDC", max_fee: "50 USDC", max_fee_per_day: "100 USDC"}
"""


def refusing(_: str, __: dict[str, Any]) -> object:
    raise Refuses("no budget left")


async def to_the_end(operator: Operator) -> None:
    """Run the worker until nothing moves."""
    settings = settings_for(operator.config)
    await serve_worker(settings, load_definitions(settings), once=True, on_started=lambda _: None)


@asynccontextmanager
async def afterwards(operator: Operator) -> AsyncIterator[World]:
    settings = settings_for(operator.config)
    async with opened(settings, load_definitions(settings), store=Store.WORKER, keys=False) as world:
        yield world


async def the_run(world: World) -> Occurrence:
    (run,) = [run for run in await world.services.journal.occurrences() if run.user_op_hash is not None]
    return run


async def test_a_window_that_closed_voids_the_operation_and_it_is_planned_again(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with services(devnet, PaymasterKind.VERIFYING) as (first,):
        operator = await sponsored_operator(
            devnet, tmp_path, {"first": first}, pay_gas_by="first", terms="retry: [1s]"
        )
        now = await chain.block_time(devnet)
        # The bundler's clock is the wall's, far ahead: it takes the operation and never includes it.
        first.valid_until = Timestamp(now + 300)
        async with paying(operator) as work:
            sent = await work.pay("rent")
            (expired,) = await work.world.services.journal.operations(sent.id)
        assert (sent.state, expired.valid_until) == (State.SENT, now + 300)

        first.valid_until = None
        await chain.move_time_to(devnet, Timestamp(now + 400))
        await chain.mine(devnet, 3)
        await to_the_end(operator)
        await chain.increase_time(devnet, 10)
        await to_the_end(operator)

        async with afterwards(operator) as world:
            run = await the_run(world)
            operations = await world.services.journal.operations(run.id)
            events = [entry.event for entry in await world.services.journal.entries(run.id)]
        assert (run.state, run.attempt) == (State.FINAL_OK, 2)
        assert [item.nonce for item in operations] == [expired.nonce] * 2
        assert events.index("void") < events.index("retry") < events.index("finalize")


async def test_higher_fees_are_agreed_upon_with_the_paymaster_anew(devnet: Devnet, tmp_path: Path) -> None:
    async with services(devnet, PaymasterKind.VERIFYING) as (first,):
        operator = await sponsored_operator(
            devnet,
            tmp_path,
            {"first": first},
            pay_gas_by="first",
            terms='fees: {max_fee_per_gas: "500 gwei", raise_after: 10s}',
        )
        async with paying(operator) as work:
            async with bundling_stopped(devnet):
                run = await work.pay("rent")
                job, journal = work.world.jobs["rent"], work.world.services.journal
                await chain.increase_time(devnet, 60)
                found = await raised(work.world.services, job, run, await journal.operations(run.id))
            assert found is not None
            _, newest = found
            before = (await journal.operations(run.id))[0].operation
            assert newest.operation.max_fee_per_gas > before.max_fee_per_gas
            assert newest.operation.paymaster != before.paymaster
            assert newest.valid_until is not None
            day = day_of(await work.world.services.clock.now())
            held = (await journal.reserved())[str(PaymasterKey(CHAIN_ID, "first", day))]
            assert held == worst_case_cost_wei(newest.operation)
            assert await work.included(operator, run)


@asynccontextmanager
async def stuck(devnet: Devnet, folder: Path, first: Service) -> AsyncIterator[tuple[Operator, Paying]]:
    """Have a sponsored payment wait in the bundler's pool for so long that it is due for higher fees."""
    terms = 'fees: {max_fee_per_gas: "500 gwei", raise_after: 10s}'
    operator = await sponsored_operator(devnet, folder, {"first": first}, pay_gas_by="first", terms=terms)
    async with paying(operator) as work, bundling_stopped(devnet):
        run = await work.pay("rent")
        assert (run.state, run.code) == (State.SENT, "accepted")
        await chain.increase_time(devnet, 60)
        first.asked.clear()
        yield operator, work


async def test_a_paymaster_that_refuses_higher_fees_leaves_the_payment_on_its_way(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with services(devnet, PaymasterKind.VERIFYING) as (first,):
        async with stuck(devnet, tmp_path, first) as (_, work):
            journal = work.world.services.journal
            run = await journal.occurrence(work.runs["rent"].id)
            assert run.user_op_hash is not None
            first.bend = refusing
            again = await work.look(run, LogScan())
            told = [entry.data for entry in await journal.entries(run.id) if entry.event == Event.SEND]
            (signed,) = await journal.operations(run.id)
        # The bundler still has the bytes that were sponsored, and they pay.
        assert (await bundler_receipt(devnet, signed.user_op_hash, signed.operation))["success"]
    assert (again.state, again.user_op_hash) == (State.SENT, run.user_op_hash)
    assert len(told) == 2
    assert "paymaster_refused" in told[-1]


async def test_of_two_services_with_one_contract_the_one_that_pays_is_asked_again(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with services(devnet, PaymasterKind.VERIFYING, PaymasterKind.VERIFYING) as (first, second):
        assert first.address == second.address
        first.bend = refusing
        terms = 'fees: {max_fee_per_gas: "500 gwei", raise_after: 10s}'
        operator = await sponsored_operator(devnet, tmp_path, {"first": first, "second": second}, terms=terms)
        async with paying(operator) as work:
            async with bundling_stopped(devnet):
                run = await work.pay("rent")
                assert (run.state, run.code) == (State.SENT, "accepted"), run
                found, job = work.world.services, work.world.jobs["rent"]
                await chain.increase_time(devnet, 60)
                first.bend = honest
                first.asked.clear()
                second.asked.clear()
                assert await raised(found, job, run, await found.journal.operations(run.id)) is not None
                day = day_of(await found.clock.now())
                held = await found.journal.reserved()
            assert (first.asked, second.asked) == ([], [IN_FINAL])
            assert str(PaymasterKey(CHAIN_ID, "first", day)) not in held
            assert str(PaymasterKey(CHAIN_ID, "second", day)) in held
            assert await work.included(operator, run)


async def test_a_kill_stops_what_a_raise_asks_of_the_paymaster(devnet: Devnet, tmp_path: Path) -> None:
    async with (
        services(devnet, PaymasterKind.VERIFYING) as (first,),
        stuck(devnet, tmp_path, first) as (_, work),
    ):
        services_of, job = work.world.services, work.world.jobs["rent"]
        run = await services_of.journal.occurrence(work.runs["rent"].id)
        signed = await services_of.journal.operations(run.id)

        async def kill_meanwhile(result: dict[str, Any]) -> dict[str, Any]:
            services_of.gate.stop(KillOrder(AllScope(), "1"))
            await services_of.gate.drained(AllScope(), grace_s=0)
            return result

        first.bend = lambda _, result: kill_meanwhile(result)
        with pytest.raises(Held):
            await raised(services_of, job, run, signed)
        assert first.asked == [IN_FINAL]
        with pytest.raises(Held):
            await raised(services_of, job, run, signed)
        with pytest.raises(Held):
            await cancelled(services_of, job, run, signed)
        assert first.asked == [IN_FINAL]
        assert await services_of.journal.operations(run.id) == signed


async def test_a_sponsored_payment_is_cancelled_by_a_sponsored_operation(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with services(devnet, PaymasterKind.VERIFYING) as (first,):
        async with stuck(devnet, tmp_path, first) as (operator, work):
            before = await token_balance(devnet, devnet.usdc, PAYEE)
            found, job = work.world.services, work.world.jobs["rent"]
            run = await found.journal.occurrence(work.runs["rent"].id)
            run, cancel = await cancelled(found, job, run, await found.journal.operations(run.id))
            sent = await submit(found, job.chain.bundlers[0], run, cancel)
            assert (sent.code, first.asked) == ("accepted", [IN_FINAL])
        await to_the_end(operator)
        async with afterwards(operator) as world:
            ended = await world.services.journal.occurrence(run.id)
            payment, _ = await world.services.journal.operations(run.id)
        assert ended.state is State.CANCELLED
        assert cancel.operation.paymaster is not None
        assert cancel.operation.paymaster != payment.operation.paymaster
        assert await token_balance(devnet, devnet.usdc, PAYEE) == before
        assert await balance_wei(devnet, operator.account.address) == 0


async def token_operator(
    devnet: Devnet, folder: Path, first: Service, *, allowance: int = 80 * USDC
) -> Operator:
    operator = await sponsored_operator(devnet, folder, {"first": first}, pay_gas_by="first", more=FEE)
    session = operator.folder / "sessions" / "main.yaml"
    text = session.read_text().replace("allow_lint: [L11]", "allow_lint: [L11, L36]")
    session.write_text(text)
    await approve(operator, first.address, allowance)
    return operator


async def test_what_a_paymaster_takes_in_tokens_is_counted(devnet: Devnet, tmp_path: Path) -> None:
    async with services(devnet, PaymasterKind.TOKEN) as (first,):
        operator = await token_operator(devnet, tmp_path, first)
        before = await token_balance(devnet, devnet.usdc, first.address)
        await to_the_end(operator)
        taken = await token_balance(devnet, devnet.usdc, first.address) - before

        async with afterwards(operator) as world:
            run = await the_run(world)
            day = day_of(await world.services.clock.now())
            spent, reserved = await world.services.journal.spent(), await world.services.journal.reserved()
            await world.services.journal.verify()
        assert run.inclusion is not None
        assert (run.state, run.inclusion.paymaster_fee) == (State.FINAL_OK, taken)
        account = operator.account.address
        fee = PaymasterKey(CHAIN_ID, "first", day, devnet.usdc, account)
        gas = PaymasterKey(CHAIN_ID, "first", day)
        assert spent == {str(fee): taken, str(gas): run.inclusion.actual_gas_cost_wei}
        assert reserved == {}
        assert taken > 0


@pytest.mark.parametrize(
    ("allowance", "code"),
    [(1, "paymaster_allowance_short"), (100 * USDC + 1, "paymaster_allowance_too_large")],
)
async def test_an_allowance_that_does_not_fit_is_refused(
    devnet: Devnet, tmp_path: Path, allowance: int, code: str
) -> None:
    async with services(devnet, PaymasterKind.TOKEN) as (first,):
        operator = await token_operator(devnet, tmp_path, first, allowance=allowance)
        async with paying(operator) as work:
            run = await work.pay("rent")
        assert (run.state, run.code) == (State.DUE, code)


async def test_the_allowances_of_all_contracts_it_may_name_count_together(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with services(devnet, PaymasterKind.TOKEN, PaymasterKind.VERIFYING) as (first, other):
        operator = await token_operator(devnet, tmp_path, first, allowance=80 * USDC)
        both = f"['{first.address}', '{other.address}']"
        operator.config.write_text(operator.config.read_text().replace(f"['{first.address}']", both))
        await approve(operator, other.address, 20 * USDC + 1)
        async with paying(operator) as work:
            run = await work.pay("rent")
            assert (run.state, run.code) == (State.DUE, "paymaster_allowance_too_large")
            assert str(100 * USDC + 1) in run.reason
            await approve(operator, other.address, 20 * USDC)
            assert (await work.prepared("rent")).priced.payer == "first"
