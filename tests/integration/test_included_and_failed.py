"""Operations that EntryPoint 0.7 includes although they achieve nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import decode, encode

from agent.devnet.accounts import install_call, send_as_owner, sign_as_owner
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import read
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, Gas, Wei, bytes_from_hex
from agent.erc4337.events import (
    USER_OPERATION_EVENT,
    USER_OPERATION_REVERT_REASON,
    decode_revert_reason,
    decode_user_operation_event,
)
from agent.erc7579.accounts import NEXUS, owner_nonce_key
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.encoding import enable_sessions_call
from agent.smart_sessions.ids import action_config_id, action_id
from tests.devnet import a_key, a_nexus_account
from tests.integration.conformance.row import error
from tests.integration.policies import USAGE, simple_gas, sudo, transfers, usage
from tests.integration.scenes import TRANSFER, Scene, a_scene, a_session, an_operation, include

pytestmark = pytest.mark.devnet

NOBODY = Address(bytes(19) + b"\x55")


def outcome(logs: Sequence[dict[str, Any]]) -> tuple[bool, bytes | None]:
    """Return whether the one operation succeeded, and the revert reason if one was logged."""
    success, reason = None, None
    for log in logs:
        topics, data = [bytes_from_hex(topic) for topic in log["topics"]], bytes_from_hex(log["data"])
        if topics[0] == USER_OPERATION_EVENT:
            success = decode_user_operation_event(topics, data).success
        elif topics[0] == USER_OPERATION_REVERT_REASON:
            reason = decode_revert_reason(topics, data).revert_data
    assert success is not None
    return success, reason


async def used(scene: Scene) -> int:
    """Return how often the usage limit of the transfer action was used."""
    config = action_config_id(
        scene.account.address, scene.permission_id, action_id(scene.devnet.usdc, TRANSFER)
    )
    arguments = encode(["bytes32", "address", "address"], [config, SMART_SESSION, scene.account.address])
    question = keccak256(b"getUsed(bytes32,address,address)")[:4] + arguments
    return int.from_bytes(await read(scene.devnet.rpc_url, USAGE, question), "big")


async def enabled_by_owner(devnet: Devnet, session: Session) -> tuple[bool, bytes | None]:
    """Have the owner of a new account enable a session; return the outcome."""
    account = await a_nexus_account(devnet)
    key = owner_nonce_key(NEXUS, OWNABLE_VALIDATOR) << 64
    await send_as_owner(devnet, account, [install_call(account)])
    enable = encode_execute([Call(SMART_SESSION, Wei(0), enable_sessions_call([session]))])
    op = replace(an_operation(account.address, key + 1, enable), call_gas_limit=Gas(3_000_000))
    return outcome(await include(devnet, [sign_as_owner(devnet, account, op)]))


async def test_a_call_gas_limit_that_is_too_low_is_included_without_a_reason(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())])
    op = scene.signed(replace(await scene.op([scene.transfer(1)]), call_gas_limit=Gas(20_000)))
    assert outcome(await include(devnet, [op])) == (False, None)


async def test_the_targets_revert_data_is_the_reason(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())], usdc=1)
    success, reason = outcome(await include(devnet, [await scene.op([scene.transfer(2)])]))
    assert not success
    assert reason is not None
    assert decode(["string"], reason[4:]) == ("ERC20: transfer amount exceeds balance",)


async def test_a_reverted_execution_still_uses_the_limit(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, usage(3))], usdc=1)
    success, _ = outcome(await include(devnet, [await scene.op([scene.transfer(2)])]))
    assert not success
    assert await used(scene) == 1


@pytest.mark.parametrize("policy", [simple_gas(1), PolicyData(NOBODY, b"")], ids=["gas", "no code"])
async def test_a_policy_that_cannot_guard_an_action_is_not_enabled(
    devnet: Devnet, policy: PolicyData
) -> None:
    session = a_session(a_key(), [ActionData(TRANSFER, devnet.usdc, (policy,))])
    expected = error("UnsupportedPolicy", ["address"], policy.policy)
    assert await enabled_by_owner(devnet, session) == (False, expected)


async def test_more_than_seven_owners_are_not_enabled_and_no_reason_is_given(devnet: Devnet) -> None:
    owners = [Address(bytes(19) + bytes([number])) for number in range(1, 9)]
    init_data = encode(["uint256", "address[]"], [1, owners])
    session = replace(a_session(a_key()), session_validator_init_data=init_data)
    assert await enabled_by_owner(devnet, session) == (False, None)
