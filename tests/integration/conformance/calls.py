"""The session does not cover the call, or the call has a form that no session covers."""

from collections.abc import Sequence

from agent.devnet.accounts import send_as_owner
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.session import ActionData
from agent.domain.units import Address, Wei
from agent.erc7579.execution import encode_batch, encode_single
from agent.smart_sessions.addresses import (
    FALLBACK_SELECTOR,
    PSEUDO_TARGET,
    SMART_SESSION,
)
from agent.smart_sessions.encoding import disable_action_call, remove_session_call
from agent.smart_sessions.ids import action_id
from tests.integration.conformance.row import (
    Case,
    Rows,
    about_session,
    account_reverted,
    bare,
    error,
)
from tests.integration.policies import sudo, transfers
from tests.integration.scenes import PAYEE, TRANSFER, Scene, a_scene, transfer_data

ROWS = Rows()
APPROVE = bytes.fromhex("095ea7b3")
TRY_MODE, DELEGATE_MODE = b"\x00\x01", b"\xff\x00"
UNINSTALL = bytes.fromhex("a71763a8")
ANYTHING = ActionData(FALLBACK_SELECTOR, PSEUDO_TARGET, (sudo(),))


async def a_payer(devnet: Devnet) -> Scene:
    """Make a scene whose key may transfer USDC."""
    return await a_scene(devnet, [transfers(devnet, sudo())])


async def refused(scene: Scene, call_data: bytes, expected: bytes) -> Case:
    return [await scene.raw_op(call_data)], expected


async def uncovered(scene: Scene, calls: Sequence[Call]) -> Case:
    return [await scene.op(calls)], about_session("NoPoliciesSet", scene)


def in_mode(mode: bytes, call_data: bytes) -> bytes:
    """Replace call type and execution type."""
    return call_data[:4] + mode + call_data[6:]


@ROWS.row
async def target_without_an_action(devnet: Devnet) -> Case:
    call = Call(PAYEE, Wei(0), transfer_data(PAYEE, 1))
    return await uncovered(await a_payer(devnet), [call])


@ROWS.row
async def selector_without_an_action(devnet: Devnet) -> Case:
    call = Call(devnet.usdc, Wei(0), APPROVE + transfer_data(PAYEE, 1)[4:])
    return await uncovered(await a_payer(devnet), [call])


@ROWS.row
async def one_call_of_a_batch_without_an_action(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    return await uncovered(scene, [scene.transfer(1), Call(PAYEE, Wei(0), b"\x01\x02\x03\x04")])


@ROWS.row
async def native_transfer_without_an_action(devnet: Devnet) -> Case:
    return await uncovered(await a_payer(devnet), [Call(PAYEE, Wei(1), b"")])


@ROWS.row
async def action_disabled(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    call = disable_action_call(scene.permission_id, action_id(devnet.usdc, TRANSFER))
    await send_as_owner(devnet, scene.account, [Call(SMART_SESSION, Wei(0), call)])
    return await uncovered(scene, [scene.transfer(1)])


@ROWS.row
async def call_to_smart_session_with_nothing_but_the_fallback_action(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [ANYTHING])
    call = Call(SMART_SESSION, Wei(0), remove_session_call(scene.permission_id))
    return await uncovered(scene, [call])


@ROWS.row
async def call_data_that_is_not_execute(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [ANYTHING])
    return await refused(scene, UNINSTALL + bytes(96), about_session("NoPoliciesSet", scene))


@ROWS.row
async def session_removed(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    call = remove_session_call(scene.permission_id)
    await send_as_owner(devnet, scene.account, [Call(SMART_SESSION, Wei(0), call)])
    return [await scene.op([scene.transfer(1)])], about_session("InvalidPermissionId", scene)


@ROWS.row
async def try_mode(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    call_data = in_mode(TRY_MODE, encode_single(scene.transfer(1)))
    return await refused(scene, call_data, bare("UnsupportedExecutionType"))


@ROWS.row
async def delegatecall(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    inner = error("UnsupportedCallType", ["bytes1"], b"\xff")
    call_data = in_mode(DELEGATE_MODE, encode_single(scene.transfer(1)))
    return await refused(scene, call_data, account_reverted(inner))


@ROWS.row
async def batch_without_a_call(devnet: Devnet) -> Case:
    return await refused(await a_payer(devnet), encode_batch([]), bare("NoExecutionsInBatch"))


@ROWS.row
async def execute_on_the_account_itself(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [ANYTHING])
    call = Call(scene.account.address, Wei(0), encode_single(scene.transfer(1)))
    return [await scene.op([call])], bare("InvalidSelfCall")


@ROWS.row
async def call_to_the_pseudo_target(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [ANYTHING])
    return [await scene.op([Call(Address(PSEUDO_TARGET), Wei(1), b"")])], bare("InvalidTarget")


@ROWS.row
async def call_data_shorter_than_a_selector(devnet: Devnet) -> Case:
    return await refused(await a_payer(devnet), b"\xe9\xae\x5c", account_reverted(b""))


@ROWS.row
async def truncated_execute(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    return await refused(scene, encode_single(scene.transfer(1))[:67], account_reverted(b""))
