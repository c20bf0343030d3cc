"""The key, the paymaster, the nonce or the account's means are wrong."""

from dataclasses import replace

from agent.devnet import chain
from agent.devnet.accounts import sign_digest
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import set_balance
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Gas, Wei
from agent.domain.user_operation import PaymasterFields, UserOperation
from agent.erc7579.accounts import NEXUS, nonce_key
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.signature import use_signature
from tests.devnet import a_key, a_nexus_account
from tests.integration.conformance.row import (
    Case,
    Rows,
    about_session,
    account_reverted,
    bare,
    error,
    failed_op,
    violation,
)
from tests.integration.policies import SPENDING, spending, sudo, time_frame, transfers
from tests.integration.scenes import Scene, a_scene, a_session, an_operation, include, operation_hash

ROWS = Rows()
PAYMASTER = PaymasterFields(Address(bytes(19) + b"\x99"), Gas(50_000), Gas(50_000), b"")
WRONG_SIGNATURE = failed_op("AA24 signature error")


async def a_payer(devnet: Devnet) -> Scene:
    """Make a scene whose key may transfer USDC."""
    return await a_scene(devnet, [transfers(devnet, sudo())])


async def a_payment(scene: Scene) -> UserOperation:
    return await scene.op([scene.transfer(1)])


def with_inner(scene: Scene, op: UserOperation, inner: bytes) -> UserOperation:
    return replace(op, signature=use_signature(scene.permission_id, inner))


@ROWS.row
async def permission_that_was_never_enabled(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    op = await a_payment(scene)
    never = keccak256(b"never enabled")
    expected = account_reverted(error("InvalidPermissionId", ["bytes32"], never))
    return [replace(op, signature=use_signature(never, scene.inner_signature(op)))], expected


@ROWS.row
async def signed_by_another_key(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    op = await a_payment(scene)
    return [with_inner(scene, op, scene.inner_signature(op, a_key()))], WRONG_SIGNATURE


@ROWS.row
async def changed_after_signing(devnet: Devnet) -> Case:
    op = await a_payment(await a_payer(devnet))
    return [replace(op, call_gas_limit=Gas(op.call_gas_limit + 1))], WRONG_SIGNATURE


@ROWS.row
async def signed_over_the_prefixed_hash(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    op = await a_payment(scene)
    prefixed = keccak256(b"\x19Ethereum Signed Message:\n32" + operation_hash(devnet, op))
    return [with_inner(scene, op, sign_digest(scene.key, prefixed))], WRONG_SIGNATURE


@ROWS.row
async def wrong_key_hides_an_expired_session(devnet: Devnet) -> Case:
    now = await chain.block_time(devnet)
    scene = await a_scene(devnet, [transfers(devnet, sudo())], [time_frame(now - 3600, 0)])
    op = await a_payment(scene)
    return [with_inner(scene, op, scene.inner_signature(op, a_key()))], WRONG_SIGNATURE


@ROWS.row
async def violation_hides_a_wrong_key(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [transfers(devnet, spending(devnet.usdc, 100))])
    op = await scene.op([scene.transfer(101)])
    return [with_inner(scene, op, scene.inner_signature(op, a_key()))], violation(scene, SPENDING)


@ROWS.row
async def inner_signature_too_short(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    op = await a_payment(scene)
    return [with_inner(scene, op, scene.inner_signature(op)[:64])], bare("InvalidSignature")


@ROWS.row
async def inner_signature_that_does_not_recover(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    return [with_inner(scene, await a_payment(scene), bytes(64) + b"\x1b")], bare("InvalidSignature")


@ROWS.row
async def inner_signature_of_zeros(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    return [with_inner(scene, await a_payment(scene), bytes(65))], account_reverted(b"")


@ROWS.row
async def unknown_signature_mode(devnet: Devnet) -> Case:
    op = await a_payment(await a_payer(devnet))
    expected = account_reverted(error("Panic", ["uint256"], 0x21))
    return [replace(op, signature=b"\x03" + op.signature[1:])], expected


@ROWS.row
async def empty_signature(devnet: Devnet) -> Case:
    op = await a_payment(await a_payer(devnet))
    return [replace(op, signature=b"")], account_reverted(b"")


@ROWS.row
async def paymaster_that_the_session_does_not_permit(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    op = scene.signed(replace(await a_payment(scene), paymaster=PAYMASTER))
    return [op], about_session("PaymasterValidationNotEnabled", scene)


@ROWS.row
async def paymaster_without_a_policy_on_the_operation(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [transfers(devnet, sudo())], permit_paymaster=True)
    op = scene.signed(replace(await a_payment(scene), paymaster=PAYMASTER))
    return [op], about_session("NoPoliciesSet", scene)


@ROWS.row
async def permitted_paymaster_without_a_deposit(devnet: Devnet) -> Case:
    scene = await a_scene(devnet, [transfers(devnet, sudo())], [sudo()], permit_paymaster=True)
    op = scene.signed(replace(await a_payment(scene), paymaster=PAYMASTER))
    return [op], failed_op("AA31 paymaster deposit too low")


@ROWS.row
async def nonce_used_before(devnet: Devnet) -> Case:
    op = await a_payment(await a_payer(devnet))
    await include(devnet, [op])
    return [op], failed_op("AA25 invalid account nonce")


@ROWS.row
async def verification_gas_limit_too_low(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    op = scene.signed(replace(await a_payment(scene), verification_gas_limit=Gas(30_000)))
    return [op], account_reverted(b"")


@ROWS.row
async def account_without_funds(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    op = await a_payment(scene)
    await set_balance(devnet, scene.account.address, Wei(0))
    return [op], failed_op("AA21 didn't pay prefund")


@ROWS.row
async def account_without_code(devnet: Devnet) -> Case:
    scene = await a_payer(devnet)
    op = replace(await a_payment(scene), sender=Address(keccak256(b"nobody")[:20]))
    return [scene.signed(op)], b""


@ROWS.row
async def validator_that_is_not_installed(devnet: Devnet) -> Case:
    key = a_key()
    account = await a_nexus_account(devnet)
    scene = Scene(devnet, account, a_session(key), key)
    op = an_operation(account.address, nonce_key(NEXUS, SMART_SESSION, 0) << 64, b"\x01\x02\x03\x04")
    expected = account_reverted(error("ValidatorNotInstalled", ["address"], SMART_SESSION))
    return [scene.signed(op)], expected
