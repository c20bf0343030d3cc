"""A Safe with the adapter hides what the module says: every revert of SmartSession looks the same."""

from dataclasses import replace

from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.session import PolicyData
from agent.domain.units import Gas, Wei
from agent.erc7579.accounts import SAFE7579
from agent.smart_sessions.signature import use_signature
from tests.devnet import a_key
from tests.integration.conformance.row import Case, Rows, account_reverted, bare, failed_op
from tests.integration.policies import spending, sudo, time_frame, transfers
from tests.integration.scenes import PAYEE, Scene, a_scene, include

ROWS = Rows()
HIDDEN = bare("ExecutionFailed")
HOUR = 3600


async def a_safe(devnet: Devnet, *user_op_policies: PolicyData) -> Scene:
    """Make a Safe whose session's key may transfer a hundred units of USDC."""
    actions = [transfers(devnet, spending(devnet.usdc, 100))]
    return await a_scene(devnet, actions, user_op_policies, kind=SAFE7579)


@ROWS.row
async def safe7579_hides_a_policy_violation(devnet: Devnet) -> Case:
    scene = await a_safe(devnet)
    return [await scene.op([scene.transfer(101)])], HIDDEN


@ROWS.row
async def safe7579_hides_a_call_without_an_action(devnet: Devnet) -> Case:
    return [await (await a_safe(devnet)).op([Call(PAYEE, Wei(1), b"")])], HIDDEN


@ROWS.row
async def safe7579_hides_a_session_that_was_never_enabled(devnet: Devnet) -> Case:
    scene = await a_safe(devnet)
    op = await scene.op([scene.transfer(1)])
    return [replace(op, signature=use_signature(bytes(32), scene.inner_signature(op)))], HIDDEN


@ROWS.row
async def safe7579_hides_a_policy_that_reverts(devnet: Devnet) -> Case:
    scene = await a_safe(devnet, time_frame(0, 0))
    return [await scene.op([scene.transfer(1)])], HIDDEN


@ROWS.row
async def safe7579_hides_an_inner_signature_that_does_not_recover(devnet: Devnet) -> Case:
    scene = await a_safe(devnet)
    op = await scene.op([scene.transfer(1)])
    return [replace(op, signature=use_signature(scene.permission_id, bytes(64) + b"\x1b"))], HIDDEN


@ROWS.row
async def safe7579_hides_an_empty_signature(devnet: Devnet) -> Case:
    scene = await a_safe(devnet)
    return [replace(await scene.op([scene.transfer(1)]), signature=b"")], HIDDEN


@ROWS.row
async def safe7579_hides_the_second_operation_of_a_bundle(devnet: Devnet) -> Case:
    scene = await a_safe(devnet)
    ops = [await scene.op([scene.transfer(60)], lane=1), await scene.op([scene.transfer(41)], lane=2)]
    return ops, bare("ExecutionFailed", op_index=1)


@ROWS.row
async def safe7579_tells_a_wrong_key(devnet: Devnet) -> Case:
    scene = await a_safe(devnet)
    op = await scene.op([scene.transfer(1)])
    inner = scene.inner_signature(op, a_key())
    return [replace(op, signature=use_signature(scene.permission_id, inner))], failed_op(
        "AA24 signature error"
    )


@ROWS.row
async def safe7579_tells_an_expired_session(devnet: Devnet) -> Case:
    scene = await a_safe(devnet, time_frame(await chain.block_time(devnet) - HOUR, 0))
    return [await scene.op([scene.transfer(1)])], failed_op("AA22 expired or not due")


@ROWS.row
async def safe7579_tells_a_used_nonce(devnet: Devnet) -> Case:
    scene = await a_safe(devnet, sudo())
    op = await scene.op([scene.transfer(1)])
    await include(devnet, [op])
    return [op], failed_op("AA25 invalid account nonce")


@ROWS.row
async def safe7579_hides_nothing_where_gas_runs_out(devnet: Devnet) -> Case:
    scene = await a_safe(devnet)
    op = replace(await scene.op([scene.transfer(1)]), verification_gas_limit=Gas(30_000))
    return [scene.signed(op)], account_reverted(b"")
