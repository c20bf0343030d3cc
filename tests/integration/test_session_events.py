"""Which events SmartSession emits, in the order-free form a log filter sees: no parameter is indexed."""

from collections.abc import Sequence
from typing import Any

import pytest

from agent.devnet.accounts import install_smart_sessions, send_as_owner
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.units import Wei, bytes_from_hex
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.encoding import (
    disable_action_call,
    enable_sessions_call,
    remove_session_call,
    revoke_enable_signature_call,
)
from agent.smart_sessions.ids import action_id
from tests.devnet import a_key, a_nexus_account
from tests.integration.policies import USAGE, sudo, transfers, usage
from tests.integration.scenes import TRANSFER, Scene, a_scene, a_session

pytestmark = pytest.mark.devnet

EVENTS = {
    "c5c98ce9": "SessionCreated",
    "1ff4377b": "SessionRemoved",
    "1c5ea73e": "PolicyEnabled",
    "b2a53c8e": "PolicyDisabled",
    "fb5966a1": "ActionIdDisabled",
    "9e1deb1d": "SessionValidatorEnabled",
    "1b8b78a1": "SessionValidatorDisabled",
    "b21cd806": "NonceIterated",
    "2c479309": "PermissionIdPermit4337Paymaster",
}


def events(logs: Sequence[dict[str, Any]]) -> list[tuple[str, bytes]]:
    """Return name and data of what SmartSession logged."""
    own = [log for log in logs if log["address"] == str(SMART_SESSION).lower()]
    assert all(len(log["topics"]) == 1 for log in own)
    return [(EVENTS[log["topics"][0][2:10]], bytes_from_hex(log["data"])) for log in own]


async def names(scene: Scene, call_data: bytes) -> list[str]:
    """Return the names of the events of a call the owner makes, sorted."""
    receipt = await send_as_owner(scene.devnet, scene.account, [Call(SMART_SESSION, Wei(0), call_data)])
    return sorted(name for name, _ in events(receipt["logs"]))


async def test_a_new_session_is_announced_with_its_policies(devnet: Devnet) -> None:
    account = await a_nexus_account(devnet)
    await install_smart_sessions(devnet, account)
    session = a_session(key := a_key(), [transfers(devnet, usage(5))])
    enable = Call(SMART_SESSION, Wei(0), enable_sessions_call([session]))
    seen = dict(events((await send_as_owner(devnet, account, [enable]))["logs"]))
    scene = Scene(devnet, account, session, key)
    who = bytes(12) + account.address
    assert sorted(seen) == [
        "PermissionIdPermit4337Paymaster",
        "PolicyEnabled",
        "SessionCreated",
        "SessionValidatorEnabled",
    ]
    assert seen["SessionCreated"] == scene.permission_id + who
    assert seen["PolicyEnabled"] == scene.permission_id + (2).to_bytes(32, "big") + bytes(12) + USAGE + who


async def test_a_removed_session_is_announced_without_its_policies(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())])
    seen = await names(scene, remove_session_call(scene.permission_id))
    assert seen == ["SessionRemoved", "SessionValidatorDisabled"]


async def test_a_disabled_action_is_announced(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())])
    call = disable_action_call(scene.permission_id, action_id(devnet.usdc, TRANSFER))
    assert "ActionIdDisabled" in await names(scene, call)


async def test_a_revoked_enable_signature_is_announced(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())])
    assert await names(scene, revoke_enable_signature_call(scene.permission_id)) == ["NonceIterated"]
