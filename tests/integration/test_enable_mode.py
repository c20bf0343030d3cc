"""A session enabled by its owner's signature, inside the operation that uses it first."""

import pytest

from agent.devnet.accounts import send_as_owner
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.domain.call import Call
from agent.domain.units import ChainId, Hash32, Wei
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.digest import Mode, multichain_digest, session_digest
from agent.smart_sessions.encoding import revoke_enable_signature_call
from tests.devnet import a_key
from tests.integration.conformance.row import account_reverted, error, violation
from tests.integration.enabling import a_scene_to_enable, enabling_op, granted, is_enabled
from tests.integration.policies import SPENDING
from tests.integration.scenes import Scene, include, revert_data

pytestmark = pytest.mark.devnet

ELSEWHERE = ChainId(1)


@pytest.mark.parametrize("mode", [Mode.ENABLE, Mode.UNSAFE_ENABLE])
@pytest.mark.parametrize("literal_only", [False, True], ids=["compressed", "literal"])
async def test_one_operation_enables_and_pays(devnet: Devnet, mode: Mode, *, literal_only: bool) -> None:
    scene = await a_scene_to_enable(devnet)
    op = await enabling_op(scene, await granted(scene, mode=mode), mode=mode, literal_only=literal_only)
    before = await token_balance(devnet, devnet.usdc, scene.account.address)
    await include(devnet, [op])
    assert before - await token_balance(devnet, devnet.usdc, scene.account.address) == 1
    assert await is_enabled(scene)


async def test_one_signature_serves_several_chains(devnet: Devnet) -> None:
    scene = await a_scene_to_enable(devnet)
    grant = await granted(scene, chains=[ELSEWHERE, devnet.chain_id], index=1)
    assert await revert_data(devnet, [await enabling_op(scene, grant)]) is None


async def test_the_session_stays_enabled_when_the_execution_fails(devnet: Devnet) -> None:
    scene = await a_scene_to_enable(devnet, usdc=1)
    await include(devnet, [await enabling_op(scene, await granted(scene), amount=2)])
    assert await is_enabled(scene)


async def test_an_enabling_operation_obeys_the_policies_it_brings(devnet: Devnet) -> None:
    scene = await a_scene_to_enable(devnet)
    op = await enabling_op(scene, await granted(scene), amount=101)
    assert await revert_data(devnet, [op]) == violation(scene, SPENDING)


async def test_a_signature_for_another_chain_is_refused(devnet: Devnet) -> None:
    scene = await a_scene_to_enable(devnet)
    op = await enabling_op(scene, await granted(scene, chains=[ELSEWHERE, devnet.chain_id]))
    expected = account_reverted(error("ChainIdMismatch", ["uint64"], ELSEWHERE))
    assert await revert_data(devnet, [op]) == expected


async def test_a_signature_of_another_owner_is_refused(devnet: Devnet) -> None:
    scene = await a_scene_to_enable(devnet)
    grant = await granted(scene, owner_key=a_key())
    inner = error(
        "InvalidEnableSignature",
        ["address", "bytes32"],
        scene.account.address,
        multichain_digest(grant.hashes_and_chain_ids),
    )
    assert await revert_data(devnet, [await enabling_op(scene, grant)]) == account_reverted(inner)


async def test_an_enable_signature_works_once(devnet: Devnet) -> None:
    scene = await a_scene_to_enable(devnet)
    await include(devnet, [await enabling_op(scene, await granted(scene))])
    op = await enabling_op(scene, await granted(scene))
    assert await revert_data(devnet, [op]) == mismatch(scene, given=0, wanted=1)


async def test_a_revoked_enable_signature_is_refused(devnet: Devnet) -> None:
    scene = await a_scene_to_enable(devnet)
    revoke = Call(SMART_SESSION, Wei(0), revoke_enable_signature_call(scene.permission_id))
    await send_as_owner(devnet, scene.account, [revoke])
    op = await enabling_op(scene, await granted(scene))
    assert await revert_data(devnet, [op]) == mismatch(scene, given=0, wanted=1)


async def test_a_signature_for_the_other_mode_is_refused(devnet: Devnet) -> None:
    scene = await a_scene_to_enable(devnet)
    op = await enabling_op(scene, await granted(scene), mode=Mode.UNSAFE_ENABLE)
    given, wanted = digest_of(scene, mode=Mode.ENABLE), digest_of(scene, mode=Mode.UNSAFE_ENABLE)
    expected = account_reverted(error("HashMismatch", ["bytes32", "bytes32"], given, wanted))
    assert await revert_data(devnet, [op]) == expected


def mismatch(scene: Scene, *, given: int, wanted: int) -> bytes:
    """Return the refusal of a digest with one nonce where another is due."""
    digests = digest_of(scene, nonce=given), digest_of(scene, nonce=wanted)
    return account_reverted(error("HashMismatch", ["bytes32", "bytes32"], *digests))


def digest_of(scene: Scene, *, nonce: int = 0, mode: Mode = Mode.ENABLE) -> Hash32:
    return session_digest(scene.session, scene.account.address, SMART_SESSION, nonce, mode)
