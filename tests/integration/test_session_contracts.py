"""The session contracts by themselves: digests, owners' signatures, life cycle."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode, encode

from agent.devnet import rpc
from agent.devnet.accounts import SmartAccount, install_smart_sessions, send_as_owner, sign_digest
from agent.devnet.devnet import Devnet
from agent.devnet.errors import ChainCallError
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.session import ActionData
from agent.domain.units import Address, Wei, bytes_from_hex
from agent.erc7579.modules import uninstall_validator_call
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.encoding import SESSION_TYPE, enable_sessions_call, install_data, session_tuple
from agent.smart_sessions.session_json import session_from_json
from tests.devnet import a_key, a_nexus_account
from tests.integration.conformance.row import error
from tests.integration.policies import sudo, transfers, usage
from tests.integration.scenes import PAYEE, TRANSFER, a_scene, a_session

pytestmark = pytest.mark.devnet

VECTORS = Path(__file__).parents[1] / "vectors"
SESSIONS = json.loads((VECTORS / "smart_sessions.json").read_text())["sessions"]
MULTISIG = json.loads((VECTORS / "owners.json").read_text())["multisig"]
INVALID_SIGNATURE = error("InvalidSignature", [])
DIGEST = keccak256(b"what an owner signs")


async def ask(
    devnet: Devnet, to: Address, name: str, types: list[str], *values: object, sender: Address = PAYEE
) -> bytes:
    """Call a function without a transaction; return its answer, or its revert data."""
    data = keccak256(f"{name}({','.join(types)})".encode())[:4] + encode(types, values)
    call = {"from": str(sender), "to": str(to), "data": "0x" + data.hex()}
    try:
        return bytes_from_hex(await rpc.call(devnet.rpc_url, "eth_call", call, "latest"))
    except ChainCallError as refused:
        return bytes_from_hex(refused.data or "0x")


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


async def judged(devnet: Devnet, signature: bytes, init_data: bytes, digest: bytes = DIGEST) -> bytes:
    """Ask the session validator about a signature."""
    types = ["bytes32", "bytes", "bytes"]
    return await ask(
        devnet, OWNABLE_VALIDATOR, "validateSignatureWithData", types, digest, signature, init_data
    )


@pytest.mark.parametrize("entry", SESSIONS, ids=[entry["name"] for entry in SESSIONS])
@pytest.mark.parametrize(("mode", "name"), [(0, "enable"), (1, "enable"), (2, "unsafe_enable")])
async def test_the_session_digest_is_the_recorded_one(
    devnet: Devnet, entry: dict[str, Any], mode: int, name: str
) -> None:
    values = session_tuple(session_from_json(entry["session"]))
    types = ["bytes32", "address", SESSION_TYPE, "uint8"]
    permission, account = bytes_from_hex(entry["permission_id"]), entry["account"]
    answer = await ask(devnet, SMART_SESSION, "getSessionDigest", types, permission, account, values, mode)
    assert answer == bytes_from_hex(entry[f"digest_{name}"])
    assert await ask(devnet, SMART_SESSION, "getPermissionId", [SESSION_TYPE], values) == permission


@pytest.mark.parametrize("case", MULTISIG["cases"], ids=[case["case"] for case in MULTISIG["cases"]])
async def test_two_of_three_owners(devnet: Devnet, case: dict[str, Any]) -> None:
    signature, digest = bytes_from_hex(case["innerSignature"]), bytes_from_hex(case["userOpHash"])
    answer = await judged(devnet, signature, bytes_from_hex(MULTISIG["initData"]), digest)
    refused = INVALID_SIGNATURE if "InvalidSignature" in case["result"] else word(0)
    assert answer == (word(1) if case["result"].startswith("('ok'") else refused)


async def test_an_account_can_own_a_session(devnet: Devnet) -> None:
    owner = await a_nexus_account(devnet)
    inner = OWNABLE_VALIDATOR + sign_digest(owner.owner_key, DIGEST)
    pieces = bytes(12) + owner.address + word(65) + b"\0" + word(len(inner)) + inner
    init_data = encode(["uint256", "address[]"], [1, [owner.address]])
    assert await judged(devnet, pieces, init_data) == word(1)


@pytest.mark.parametrize("threshold", [0, 2])
async def test_a_threshold_that_cannot_be_met_accepts_nothing(devnet: Devnet, threshold: int) -> None:
    key = a_key()
    init_data = encode(["uint256", "address[]"], [threshold, [Address(bytes(19) + b"\1")]])
    assert await judged(devnet, sign_digest(key, DIGEST) * 2, init_data) == word(0)


async def initialized(devnet: Devnet, account: SmartAccount) -> bool:
    return await ask(devnet, SMART_SESSION, "isInitialized", ["address"], account.address) == word(1)


async def test_the_module_is_initialized_while_a_session_is_enabled(devnet: Devnet) -> None:
    account = await a_nexus_account(devnet)
    await install_smart_sessions(devnet, account)
    assert not await initialized(devnet, account)
    enable = enable_sessions_call([a_session(a_key(), [transfers(devnet, sudo())])])
    await send_as_owner(devnet, account, [Call(SMART_SESSION, Wei(0), enable)])
    assert await initialized(devnet, account)


async def test_uninstalling_removes_every_session(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())])
    call = uninstall_validator_call(scene.account.kind, SMART_SESSION)
    await send_as_owner(devnet, scene.account, [Call(scene.account.address, Wei(0), call)])
    assert not await initialized(devnet, scene.account)


async def test_installing_over_live_sessions_is_refused(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())])
    sender = scene.account.address
    answer = await ask(devnet, SMART_SESSION, "onInstall", ["bytes"], b"", sender=sender)
    assert answer == error("SmartSessionModuleAlreadyInstalled", ["address"], sender)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(0, error("InvalidMode", [])), (1, b""), (2, b"")],
    ids=["none", "enable", "unsafe"],
)
async def test_sessions_can_come_with_the_installation(devnet: Devnet, mode: int, expected: bytes) -> None:
    data = bytes([mode]) + install_data([a_session(a_key(), [transfers(devnet, sudo())])])[1:]
    assert await ask(devnet, SMART_SESSION, "onInstall", ["bytes"], data) == expected


async def test_enabling_a_live_session_adds_to_it(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, usage(5))])
    other = ActionData(TRANSFER, PAYEE, (sudo(),))
    enable = enable_sessions_call([a_session(scene.key, [other], [usage(1)])])
    await send_as_owner(devnet, scene.account, [Call(SMART_SESSION, Wei(0), enable)])
    types = ["address", "bytes32"]
    answer = await ask(
        devnet, SMART_SESSION, "getEnabledActions", types, scene.account.address, scene.permission_id
    )
    assert len(decode(["bytes32[]"], answer)[0]) == 2


async def test_the_validator_and_its_owners_are_readable(devnet: Devnet) -> None:
    scene = await a_scene(devnet, [transfers(devnet, sudo())])
    types = ["address", "bytes32"]
    values = scene.account.address, scene.permission_id
    answer = await ask(devnet, SMART_SESSION, "getSessionValidatorAndConfig", types, *values)
    expected = OWNABLE_VALIDATOR, scene.session.session_validator_init_data
    assert answer == encode(["address", "bytes"], expected)
