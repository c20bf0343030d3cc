"""Paymasters pay on the local chain, in the order of the job and inside their caps, and nobody else does."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.devnet.devnet import Devnet
from agent.devnet.paymasters import PaymasterKind
from agent.devnet.tokens import balance_wei
from agent.domain.paymaster import PaymasterKey
from agent.domain.states import State
from agent.domain.utc_day import day_of
from tests.integration.paying import Paying, paying
from tests.integration.sponsoring import (
    IN_FINAL,
    IN_STUB,
    Bend,
    Refuses,
    only_in,
    services,
    sponsored_operator,
)
from tests.operator import CHAIN_ID

pytestmark = pytest.mark.devnet
VERIFYING = PaymasterKind.VERIFYING
STRANGER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"


def refusing(_: str, __: dict[str, Any]) -> object:
    raise Refuses("no budget left")


async def _too_late(result: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(60)
    return result


# Silences stand apart: three of them in a row change the order.
BENDS: dict[str, Bend] = {
    "refuses": refusing,
    "refuses at last": only_in(IN_FINAL, lambda result: refusing("", result)),
    "answers garbage": lambda _, __: b'{"jsonrpc": "2.0", "id": 1, "resul',
    "names another contract": lambda _, result: {**result, "paymaster": STRANGER},
    "answers too much": lambda _, result: {**result, "more": "0x" + "00" * 200_000},
    "names another contract at last": only_in(IN_FINAL, lambda result: {**result, "paymaster": STRANGER}),
    "answers deep": lambda _, __: b'{"jsonrpc": "2.0", "id": 1, "result": ' + b"[" * 30_000,
    "changes the call": only_in(IN_FINAL, lambda result: {**result, "callData": "0x"}),
    "changes the fees": only_in(IN_STUB, lambda result: {**result, "maxFeePerGas": "0x1"}),
    "wants more gas": only_in(IN_STUB, lambda result: {**result, "paymasterPostOpGasLimit": hex(10**7)}),
    "sends longer data": only_in(
        IN_FINAL, lambda result: {**result, "paymasterData": result["paymasterData"] + "00"}
    ),
    "is refused by its contract": only_in(
        IN_FINAL, lambda result: {**result, "paymasterData": result["paymasterData"][:-130] + "11" * 65}
    ),
}


async def payer_of(work: Paying, job: str = "rent") -> str:
    return (await work.prepared(job)).priced.payer


async def test_an_account_without_funds_is_paid_for(devnet: Devnet, tmp_path: Path) -> None:
    async with services(devnet, VERIFYING) as (first,):
        operator = await sponsored_operator(devnet, tmp_path, {"first": first}, pay_gas_by="first")
        async with paying(operator) as work:
            run = await work.pay("rent")
            assert (run.state, run.code) == (State.SENT, "accepted")
            assert await work.included(operator, run)
            (operation,) = await work.world.services.journal.operations(run.id)
            day = day_of(await work.world.services.clock.now())
            reserved = await work.world.services.journal.reserved()
        assert await balance_wei(devnet, operator.account.address) == 0
        assert operation.operation.paymaster is not None
        assert operation.operation.paymaster.paymaster == first.address
        assert first.asked == [IN_STUB, IN_FINAL]
        assert operation.valid_until is not None
        assert reserved[str(PaymasterKey(CHAIN_ID, "first", day))] > 0


async def test_whatever_is_wrong_with_the_first_the_second_pays(devnet: Devnet, tmp_path: Path) -> None:
    async with services(devnet, VERIFYING, VERIFYING) as (first, second):
        operator = await sponsored_operator(devnet, tmp_path, {"first": first, "second": second})
        async with paying(operator) as work:
            for what, bend in BENDS.items():
                first.bend, first.asked[:] = bend, []
                assert (what, await payer_of(work)) == (what, "second")
                assert (what, first.asked[:1]) == (what, [IN_STUB])


async def test_one_that_is_slow_is_not_waited_for(devnet: Devnet, tmp_path: Path) -> None:
    async with services(devnet, VERIFYING, VERIFYING) as (first, second):
        paymasters = {"first": first, "second": second}
        operator = await sponsored_operator(
            devnet, tmp_path, paymasters, caps_of={"first": {"timeout": "1s"}}
        )
        first.bend = lambda _, result: _too_late(result)
        async with paying(operator) as work:
            assert (await payer_of(work), first.asked) == ("second", [IN_STUB])


async def test_one_that_stays_silent_is_not_asked_first_for_a_while(devnet: Devnet, tmp_path: Path) -> None:
    async with services(devnet, VERIFYING, VERIFYING) as (first, second):
        operator = await sponsored_operator(devnet, tmp_path, {"first": first, "second": second})
        first.bend = BENDS["answers garbage"]
        async with paying(operator) as work:
            for _ in range(4):
                assert await payer_of(work) == "second"
        assert len(first.asked) == 3


async def test_a_stub_that_is_final_is_held_against_the_contract_and_not_asked_about_again(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with services(devnet, VERIFYING) as (first,):
        # It signs gas limits, so that its stub cannot be final: the contract says so.
        first.bend = only_in(IN_STUB, lambda result: {**result, "isFinal": True})
        operator = await sponsored_operator(devnet, tmp_path, {"first": first}, pay_gas_by="first")
        async with paying(operator) as work:
            run = await work.pay("rent")
        assert (run.state, run.code, first.asked) == (State.DUE, "paymaster_signature", [IN_STUB])


async def test_the_account_pays_only_where_the_job_says_so(devnet: Devnet, tmp_path: Path) -> None:
    async with services(devnet, VERIFYING) as (first,):
        first.bend = refusing
        alone = await sponsored_operator(
            devnet, tmp_path / "alone", {"first": first}, pay_gas_by="first", funds_wei=10**18
        )
        async with paying(alone) as work:
            run = await work.pay("rent")
            assert (run.state, run.code, run.user_op_hash) == (State.DUE, "paymaster_refused", None)
        both = await sponsored_operator(
            devnet, tmp_path / "both", {"first": first}, pay_gas_by="first, self", funds_wei=10**18
        )
        async with paying(both) as work:
            assert await payer_of(work) == "self"


async def test_a_session_without_the_permission_lets_no_paymaster_pay(devnet: Devnet, tmp_path: Path) -> None:
    async with services(devnet, VERIFYING) as (first,):
        operator = await sponsored_operator(
            devnet,
            tmp_path,
            {"first": first},
            pay_gas_by="first, self",
            funds_wei=10**18,
            permit_paymaster=False,
        )
        async with paying(operator) as work:
            assert await payer_of(work) == "self"
        assert first.asked == []


@pytest.mark.parametrize(
    ("caps", "code"),
    [
        ({"max_cost": "1 gwei"}, "paymaster_cost_above_cap"),
        ({"max_cost": "0.00001 ether", "max_cost_per_day": "0.00001 ether"}, "paymaster_cost_above_cap"),
        ({"max_post_op_gas": "1000"}, "paymaster_gas_above_cap"),
        ({"max_verification_gas": "1000"}, "paymaster_gas_above_cap"),
    ],
)
async def test_above_its_caps_nothing_is_signed(
    devnet: Devnet, tmp_path: Path, caps: dict[str, str], code: str
) -> None:
    async with services(devnet, VERIFYING) as (first,):
        operator = await sponsored_operator(devnet, tmp_path, {"first": first}, pay_gas_by="first", caps=caps)
        async with paying(operator) as work:
            run = await work.pay("rent")
        assert (run.state, run.code) == (State.DUE, code)


async def test_what_the_day_has_no_room_for_waits_or_is_paid_by_another(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with services(devnet, VERIFYING, VERIFYING) as (first, second):
        probe = await sponsored_operator(devnet, tmp_path / "probe", {"first": first}, pay_gas_by="first")
        async with paying(probe) as work:
            cost_wei = (await work.prepared("rent")).priced.worst_case_wei
        cap = f"{cost_wei * 3 // 2} wei"
        operator = await sponsored_operator(
            devnet,
            tmp_path / "day",
            {"first": first, "second": second},
            jobs=("rent", "gym"),
            caps={"max_cost": cap, "max_cost_per_day": cap},
        )
        async with paying(operator) as work:
            rent = await work.pay("rent")
            assert await payer_of(work, "gym") == "second"
            # While the first one waits, the bundler's estimate is too low for the second one alone.
            gym = await work.taken("gym")
            journal = work.world.services.journal
            reserved = {key for key in await journal.reserved() if key.startswith("paymaster/")}
            assert [await work.included(operator, run) for run in (rent, gym)] == [True, True]
        assert {key.split("/")[2] for key in reserved} == {"first", "second"}
