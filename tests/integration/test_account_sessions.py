"""A session's life on each kind of account: lanes, batches, enabling by signature, refusals."""

from dataclasses import replace

import pytest

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.json_rpc import JsonRpc
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.domain.errors import EntryPointRejected
from agent.domain.units import ZERO_ADDRESS, Address, bytes_from_hex
from agent.domain.user_operation import UserOperation
from agent.erc4337.events import USER_OPERATION_EVENT
from agent.erc7579.accounts import (
    KERNEL,
    NEXUS,
    REFERENCE,
    SAFE7579,
    AccountKind,
    enable_owner_signature,
    nonce_key,
)
from agent.pipeline.validate import ask_module
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.digest import multichain_digest
from tests.devnet import a_key, an_account, bundler_receipt, send_to_bundler
from tests.integration.conformance.row import about_session, account_reverted, error, failed_op
from tests.integration.enabling import a_scene_to_enable, enabling_op, granted, is_enabled
from tests.integration.kinds import KINDS, every_kind
from tests.integration.policies import SPENDING, spending, transfers
from tests.integration.scenes import Scene, a_scene, a_session, include, operation_hash, revert_data

pytestmark = pytest.mark.devnet


async def a_payer(devnet: Devnet, kind: AccountKind) -> Scene:
    """Make a scene whose key may transfer a hundred units of USDC."""
    return await a_scene(devnet, [transfers(devnet, spending(devnet.usdc, 100))], kind=kind)


async def left(scene: Scene) -> int:
    return await token_balance(scene.devnet, scene.devnet.usdc, scene.account.address)


@every_kind
async def test_one_call_and_several_calls_are_executed(devnet: Devnet, kind: AccountKind) -> None:
    scene = await a_payer(devnet, kind)
    await include(devnet, [await scene.op([scene.transfer(5)])])
    await include(devnet, [await scene.op([scene.transfer(7), scene.transfer(11), scene.transfer(13)])])
    assert await left(scene) == 1000 - 5 - 7 - 11 - 13


@every_kind
async def test_lanes_count_apart_and_share_a_bundle(devnet: Devnet, kind: AccountKind) -> None:
    scene = await a_payer(devnet, kind)
    lanes = [1, 2, (1 << kind.lane_bits) - 1]
    for lane in lanes:
        await include(devnet, [await scene.op([scene.transfer(1)], lane=lane)])
    logs = await include(devnet, [await scene.op([scene.transfer(10)], lane=lane) for lane in lanes])

    events = [log for log in logs if bytes_from_hex(log["topics"][0]) == USER_OPERATION_EVENT]
    nonces = [int(log["data"][2:66], 16) for log in events]
    assert nonces == [nonce_key(kind, SMART_SESSION, lane) << 64 | 1 for lane in lanes]
    assert await left(scene) == 1000 - 33


@every_kind
async def test_the_bundler_includes_a_payment(devnet: Devnet, kind: AccountKind) -> None:
    scene = await a_payer(devnet, kind)
    op = await scene.op([scene.transfer(3)])
    receipt = await bundler_receipt(devnet, await send_to_bundler(devnet, op), op)
    assert receipt["success"] is True
    assert await left(scene) == 997


@every_kind
async def test_an_owners_signature_enables_in_the_first_payment(devnet: Devnet, kind: AccountKind) -> None:
    scene = await a_scene_to_enable(devnet, kind=kind)
    await include(devnet, [await enabling_op(scene, await granted(scene))])
    assert await is_enabled(scene)
    assert await left(scene) == 999


@every_kind
async def test_a_strangers_signature_enables_nothing(devnet: Devnet, kind: AccountKind) -> None:
    scene = await a_scene_to_enable(devnet, kind=kind)
    grant = await granted(scene, owner_key=a_key())
    op = await enabling_op(scene, grant)
    expected = error(
        "InvalidEnableSignature",
        ["address", "bytes32"],
        scene.account.address,
        multichain_digest(grant.hashes_and_chain_ids),
    )
    assert await module_says(scene, op) == expected


async def test_kernels_owner_may_sign_as_the_root_validator(devnet: Devnet) -> None:
    scene = await a_scene_to_enable(devnet, kind=KERNEL)
    grant = await granted(scene)
    signature = grant.permission_enable_signature[-65:]
    root = enable_owner_signature(KERNEL, ZERO_ADDRESS, signature)
    await include(devnet, [await enabling_op(scene, replace(grant, permission_enable_signature=root))])
    assert await is_enabled(scene)


NOBODY = Address(bytes(19) + b"\x99")
AA24 = failed_op("AA24 signature error")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (NEXUS, account_reverted(error("ValidatorNotInstalled", ["address"], NOBODY))),
        (KERNEL, account_reverted(b"")),
        # It takes the signature for one of the Safe's owners.
        (SAFE7579, AA24),
        (REFERENCE, AA24),
    ],
    ids=[kind.name for kind in KINDS],
)
async def test_a_key_with_a_wrong_validator_is_refused(
    devnet: Devnet, kind: AccountKind, expected: bytes
) -> None:
    scene = await a_payer(devnet, kind)
    op = replace(await scene.op([scene.transfer(1)]), nonce=nonce_key(kind, NOBODY, 0) << 64)
    assert await revert_data(devnet, [scene.signed(op)]) == expected


@every_kind
async def test_an_account_without_the_module_is_refused(devnet: Devnet, kind: AccountKind) -> None:
    key = a_key()
    account = await an_account(devnet, kind=kind)
    scene = Scene(devnet, account, a_session(key), key)
    answers = {
        NEXUS: account_reverted(error("ValidatorNotInstalled", ["address"], SMART_SESSION)),
        # It asks the validator of the key, installed or not.
        KERNEL: about_session("InvalidPermissionId", scene),
        SAFE7579: AA24,
        REFERENCE: AA24,
    }
    assert await revert_data(devnet, [await scene.op([scene.transfer(1)])]) == answers[kind]


@every_kind
async def test_the_module_names_the_refusal_whatever_the_account_says(
    devnet: Devnet, kind: AccountKind
) -> None:
    scene = await a_payer(devnet, kind)
    op = await scene.op([scene.transfer(101)])
    inner = error("PolicyViolation", ["bytes32", "address"], scene.permission_id, SPENDING)
    hidden = error("ExecutionFailed", [])
    expected = account_reverted(hidden if kind is SAFE7579 else inner)

    assert await revert_data(devnet, [op]) == expected
    assert await module_says(scene, op) == inner


async def module_says(scene: Scene, op: UserOperation) -> bytes:
    """Ask as the agent does before it sends, and return the true inner error."""
    devnet = scene.devnet
    reader = ChainRpc(devnet.chain_id, [JsonRpc(devnet.rpc_url)], multicall=devnet.contracts["Multicall3"])
    try:
        head = await reader.block("latest")
        with pytest.raises(EntryPointRejected) as caught:
            await ask_module(reader, SMART_SESSION, op, operation_hash(devnet, op), head)
    finally:
        await reader.close()
    return caught.value.inner_data
