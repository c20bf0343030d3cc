"""What the real bundler answers is classified as the tables say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from agent.adapters.bundler_rpc import BundlerRpc
from agent.adapters.json_rpc import JsonRpc
from agent.devnet import rpc
from agent.devnet.accounts import send_as_owner
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.errors import BundlerRejected
from agent.domain.operation import JournaledOperation
from agent.domain.send_answer import Accepted, RejectedAnswer
from agent.domain.units import Address, Gas, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.answer_table import Phase
from agent.erc4337.bundler_actions import (
    Action,
    Fail,
    Hold,
    LookUp,
    Part,
    Raise,
    Rebuild,
    RetryAfter,
    SameBytes,
    Scope,
    Stop,
)
from agent.erc4337.bundler_errors import BundlerAnswer, Meaning, meaning_of
from agent.erc4337.version import CANONICAL_ENTRY_POINTS, EntryPointVersion
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.encoding import remove_session_call
from agent.smart_sessions.signature import use_signature
from tests.builders import a_journaled_operation
from tests.bundling import bundling_stopped
from tests.devnet import HAPPENS_WITHIN_S, POLL_S, a_key, bundler_receipt, send_to_bundler
from tests.integration.policies import spending, sudo, transfers
from tests.integration.scenes import PAYEE, Scene, a_scene, operation_hash

pytestmark = pytest.mark.devnet
JOB = Stop(Scope.JOB)
ON_ITS_WAY = ("queued", "not_submitted", "submitted")
Made = Callable[[Scene], Awaitable[UserOperation]]


@asynccontextmanager
async def alto(devnet: Devnet, path: str = "") -> AsyncIterator[BundlerRpc]:
    async with JsonRpc(devnet.bundler_url.rstrip("/") + path) as endpoint:
        yield BundlerRpc(endpoint, EntryPointVersion.V07)


def journaled(devnet: Devnet, op: UserOperation) -> JournaledOperation:
    known = replace(a_journaled_operation(), operation=op, entry_point=devnet.entry_point)
    return replace(known, user_op_hash=operation_hash(devnet, op))


async def refused(devnet: Devnet, operation: JournaledOperation, path: str = "") -> Meaning:
    """Send an operation that the bundler refuses, and say what that means."""
    async with alto(devnet, path) as bundler:
        answer = await bundler.send(operation)
    assert isinstance(answer, RejectedAnswer), answer
    return _meant(answer)


def told(answer: RejectedAnswer) -> BundlerAnswer:
    return BundlerAnswer(answer.rpc_code, answer.message, answer.data, answer.bundler)


async def a_transfer(scene: Scene) -> UserOperation:
    return await scene.op([scene.transfer(1)])


async def at_a_used_nonce(scene: Scene) -> UserOperation:
    op = await a_transfer(scene)
    user_op_hash = await send_to_bundler(scene.devnet, op)
    await bundler_receipt(scene.devnet, user_op_hash, op)
    # As long as the bundler does not know that it is included, it has it already.
    method = "pimlico_getUserOperationStatus"
    async with asyncio.timeout(HAPPENS_WITHIN_S):
        while True:
            found = await rpc.call(scene.devnet.bundler_url, method, str(user_op_hash))
            if found["status"] not in ON_ITS_WAY:
                return op
            await asyncio.sleep(POLL_S)


async def behind_a_gap(scene: Scene) -> UserOperation:
    op = await a_transfer(scene)
    return scene.signed(replace(op, nonce=op.nonce + 5))


async def by_another_key(scene: Scene) -> UserOperation:
    op = await a_transfer(scene)
    signature = use_signature(scene.permission_id, scene.inner_signature(op, a_key()))
    return replace(op, signature=signature)


async def without_funds(scene: Scene) -> UserOperation:
    await rpc.call(scene.devnet.rpc_url, "anvil_setBalance", str(scene.account.address), "0x0")
    return await a_transfer(scene)


async def by_nobody(scene: Scene) -> UserOperation:
    op = await a_transfer(scene)
    return scene.signed(replace(op, sender=Address(bytes(19) + b"\x77")))


async def above_the_limit(scene: Scene) -> UserOperation:
    return await scene.op([scene.transfer(501)])


async def not_granted(scene: Scene) -> UserOperation:
    return await scene.op([Call(PAYEE, Wei(1), b"")])


async def under_a_removed_session(scene: Scene) -> UserOperation:
    await send_as_owner(
        scene.devnet,
        scene.account,
        [Call(SMART_SESSION, Wei(0), remove_session_call(scene.permission_id))],
    )
    return await a_transfer(scene)


async def with_much_gas(scene: Scene) -> UserOperation:
    op = await a_transfer(scene)
    return scene.signed(replace(op, call_gas_limit=Gas(100_000_000)))


@pytest.mark.parametrize(
    ("made", "action", "code"),
    [
        (at_a_used_nonce, LookUp(), "aa25"),
        (behind_a_gap, LookUp(), "aa25"),
        (by_another_key, JOB, "aa24"),
        (without_funds, SameBytes(60), "low_gas_funds"),
        (by_nobody, LookUp(), "aa20"),
        (above_the_limit, Hold(), "aa23_policyviolation"),
        (not_granted, JOB, "aa23_nopoliciesset"),
        (under_a_removed_session, JOB, "aa23_invalidpermissionid"),
        (with_much_gas, Fail(), "gas_above_maximum"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
async def test_a_refused_operation(devnet: Devnet, made: Made, action: Action, code: str) -> None:
    scene = await a_scene(devnet, [transfers(devnet, spending(devnet.usdc, 500))])

    meaning = await refused(devnet, journaled(devnet, await made(scene)))

    assert (meaning.action, meaning.code) == (action, code)


async def test_replacements_and_repetitions_of_what_is_on_its_way(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())])
    first = await scene.op([scene.transfer(1)])
    second = scene.signed(replace(first, nonce=first.nonce + 1))
    cheap = scene.signed(replace(second, max_fee_per_gas=Wei(second.max_fee_per_gas * 109 // 100)))

    async with bundling_stopped(devnet), alto(devnet) as bundler:
        sent = [journaled(devnet, op) for op in (first, second, cheap, first)]
        answers = [await bundler.send(operation) for operation in sent]

    refusals = [answer for answer in answers if isinstance(answer, RejectedAnswer)]
    assert answers[:2] == [Accepted(operation.user_op_hash) for operation in sent[:2]]
    seen = [(meaning.code, meaning.action) for meaning in (_meant(answer) for answer in refusals)]
    assert seen == [("replacement_underpriced", Raise()), ("already_known", RetryAfter(30))]


def _meant(answer: RejectedAnswer) -> Meaning:
    return meaning_of(told(answer), Phase.SEND)


async def test_a_fee_below_the_floor_names_the_floor(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())])
    cheap = scene.signed(
        replace(await a_transfer(scene), max_fee_per_gas=Wei(7), max_priority_fee_per_gas=Wei(7))
    )

    async with alto(devnet) as bundler:
        quoted = await bundler.fee_floor()
    meaning = await refused(devnet, journaled(devnet, cheap), "/v2/rpc")

    assert quoted is not None
    assert meaning.code == "fee_too_low"
    assert isinstance(meaning.action, Raise)
    assert (meaning.action.max_fee_per_gas_wei or 0) > 7


async def test_another_entry_point_stops_the_bundler(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())])
    elsewhere = Address(CANONICAL_ENTRY_POINTS[EntryPointVersion.V06][:19] + b"\x01")

    operation = replace(journaled(devnet, await a_transfer(scene)), entry_point=elsewhere)
    meaning = await refused(devnet, operation)

    assert (meaning.action, meaning.code) == (Stop(Scope.BUNDLER), "entry_point_unsupported")


async def test_an_estimate_of_what_reverts_tells_why(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())], usdc=1)
    op = await scene.op([scene.transfer(2)])

    async with alto(devnet) as bundler:
        with pytest.raises(BundlerRejected) as failed:
            await bundler.estimate(op, devnet.entry_point)

    answer = RejectedAnswer(failed.value.rpc_code, failed.value.message, failed.value.data)
    meaning = meaning_of(told(answer), Phase.ESTIMATE)
    assert (failed.value.rpc_code, meaning.action) == (-32521, Rebuild(Part.CALLS))
    assert "transfer amount exceeds balance" in meaning.reason


async def test_what_is_right_is_accepted_under_our_hash(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())])
    operation = journaled(devnet, await a_transfer(scene))

    async with alto(devnet) as bundler:
        assert await bundler.send(operation) == Accepted(operation.user_op_hash)
