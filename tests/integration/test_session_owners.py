"""Sessions of several keys and of passkeys pay through the worker, and the validators judge as recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.json_rpc import JsonRpc
from agent.adapters.signer_passkey import create_passkey
from agent.cli.loading import load_definitions, settings_for
from agent.definitions.session_writer import session_file
from agent.definitions.sessions import SessionDefinition
from agent.devnet import chain, rpc
from agent.devnet.accounts import address_of, enable_sessions, sign_digest
from agent.devnet.compile import compile_contracts
from agent.devnet.devnet import Devnet
from agent.devnet.paths import devnet_dir
from agent.devnet.tokens import token_balance
from agent.domain.job import Place
from agent.domain.units import Address, Hash32, Timestamp, bytes_from_hex
from agent.pipeline.probe import Probes
from agent.service import serve_worker
from agent.smart_sessions.addresses import (
    OWNABLE_VALIDATOR,
    OWNABLE_VALIDATOR_V0,
    SMART_SESSION,
    WEB_AUTHN_VALIDATOR,
)
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.owners.owner import validate_signature_call
from agent.smart_sessions.owners.passkey_data import PasskeyData, encode_passkey
from agent.smart_sessions.owners.threshold import ThresholdOwner
from agent.smart_sessions.reverts import INVALID_SIGNATURE
from agent.smart_sessions.signature import SignatureFlavour, owners_init_data
from tests.devnet import a_key
from tests.operator import CHAIN_ID, PAYEE, Operator, an_operator
from tests.vectors import vectors

MULTISIG = vectors("owners")["multisig"]
DAY_S = 86_400
TEN_USDC = 10_000_000
YES, NO = (1).to_bytes(32, "big"), bytes(32)
RENT = """\
id: rent
kind: subscription
chain: 31337
account: "{account}"
session: main
schedule: {interval: 1d, anchor: "2020-01-01T00:00:00Z"}
spec: {amount: "10 USDC", payee: "{payee}"}
grace: 6h
"""
PERSONAL_ONLY = """\
// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;
interface IValidator {
    function validateSignatureWithData(bytes32, bytes calldata, bytes calldata) external view returns (bool);
}
contract PersonalOnly {
    function validateSignatureWithData(bytes32 hash, bytes calldata signature, bytes calldata data)
        external view returns (bool)
    {
        bytes32 personal = keccak256(abi.encodePacked("\\x19Ethereum Signed Message:\\n32", hash));
        return IValidator(0x000000000013fdB5234E4E3162a810F54d9f7E98).validateSignatureWithData(
            personal, signature, data
        );
    }
}
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a session's validator is told of its owner, and the keys that the files name."""

    validator: Address
    init_data: bytes
    keys: dict[str, str]
    """YAML of each key by its name."""


def a_multisig(folder: Path, threshold: int, count: int, *, named: int) -> Grant:
    """Make keys and write those that are named; the others are somewhere else."""
    secrets = sorted((a_key() for _ in range(count)), key=address_of)
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    keys = {}
    for number, secret in enumerate(secrets[-named:]):
        path = folder / "keys" / f"part-{number}.key"
        path.write_text("0x" + secret.hex())
        path.chmod(0o600)
        keys[f"part-{number}"] = f'{{address: "{address_of(secret)}", raw: keys/{path.name}}}'
    init_data = owners_init_data(threshold, [address_of(secret) for secret in secrets])
    return Grant(OWNABLE_VALIDATOR, init_data, keys)


def a_passkey(folder: Path, *, precompile: bool) -> Grant:
    point = create_passkey(folder / "keys" / "phone.pem", None)
    public = f'public_key: "0x{point.encoded.hex()}"'
    keys = {"phone": f'{{address: "{point.address}", passkey: keys/phone.pem, {public}}}'}
    return Grant(WEB_AUTHN_VALIDATOR, encode_passkey(PasskeyData(point, precompile)), keys)


async def owned_by(operator: Operator, grant: Grant) -> Operator:
    """Grant the operator's session once more, to this owner, and let the files name its keys."""
    session = replace(
        operator.session,
        session_validator=grant.validator,
        session_validator_init_data=grant.init_data,
    )
    await enable_sessions(operator.devnet, operator.account, [session])
    first, *others = grant.keys
    definition = SessionDefinition(
        name="main",
        chain_id=CHAIN_ID,
        account=operator.account.address,
        account_kind="nexus",
        key=first,
        cosigners=tuple(others),
        smart_session=SMART_SESSION,
        session=session,
        permission_id=permission_id(session),
        place=Place("sessions/main.yaml"),
        # Of one grant only some of the keys are in the files.
        allow_lint=("L11", "L21", "L31"),
    )
    (operator.folder / "sessions" / "main.yaml").write_text(session_file(definition))
    lines = "".join(f"  {name}: {text}\n" for name, text in grant.keys.items())
    operator.config.write_text(operator.config.read_text().replace("keys:\n", f"keys:\n{lines}"))
    return replace(operator, session=session)


async def paid_next_day(operator: Operator) -> int:
    """Run the worker before and after the next slot; return what the payee got."""
    await run_once(operator)
    before = await token_balance(operator.devnet, operator.devnet.usdc, PAYEE)
    now = await chain.block_time(operator.devnet)
    await chain.move_time_to(operator.devnet, Timestamp((now // DAY_S + 1) * DAY_S + 60))
    await run_once(operator)
    return await token_balance(operator.devnet, operator.devnet.usdc, PAYEE) - before


async def run_once(operator: Operator) -> None:
    settings = settings_for(operator.config)
    await serve_worker(settings, load_definitions(settings), once=True, on_started=lambda _: None)


@pytest.mark.parametrize(("threshold", "count", "named"), [(2, 3, 3), (2, 3, 2), (7, 7, 7)])
async def test_a_multisig_session_pays(
    devnet: Devnet, tmp_path: Path, threshold: int, count: int, named: int
) -> None:
    operator = await an_operator(devnet, tmp_path, [RENT])
    operator = await owned_by(operator, a_multisig(tmp_path, threshold, count, named=named))

    assert await paid_next_day(operator) == TEN_USDC


@pytest.mark.parametrize("precompile", [True, False], ids=["precompile", "library"])
async def test_a_passkey_session_pays(devnet: Devnet, tmp_path: Path, *, precompile: bool) -> None:
    operator = await an_operator(devnet, tmp_path, [RENT])
    operator = await owned_by(operator, a_passkey(tmp_path, precompile=precompile))

    assert await paid_next_day(operator) == TEN_USDC


async def test_the_worker_signs_as_the_validator_answers_not_as_its_address_suggests(
    devnet: Devnet, tmp_path: Path
) -> None:
    current = await rpc.call(devnet.rpc_url, "eth_getCode", str(OWNABLE_VALIDATOR), "latest")
    await rpc.call(devnet.rpc_url, "anvil_setCode", str(OWNABLE_VALIDATOR_V0), current)
    operator = await an_operator(devnet, tmp_path, [RENT])
    grant = replace(a_multisig(tmp_path, 1, 1, named=1), validator=OWNABLE_VALIDATOR_V0)

    assert await paid_next_day(await owned_by(operator, grant)) == TEN_USDC


async def test_the_flavour_is_found_by_asking_and_remembered(devnet: Devnet, tmp_path: Path) -> None:
    (tmp_path / "PersonalOnly.sol").write_text(PERSONAL_ONLY)
    solc = devnet_dir() / "npm" / "node_modules" / "solc"
    code = compile_contracts(tmp_path, solc, tmp_path / "out")["PersonalOnly"].runtime
    personal, nothing = Address(b"\x51" * 20), Address(b"\x52" * 20)
    await rpc.call(devnet.rpc_url, "anvil_setCode", str(personal), "0x" + code.hex())
    reader = ChainRpc(
        CHAIN_ID, [JsonRpc(devnet.rpc_url)], finality_depth=None, multicall=devnet.contracts["Multicall3"]
    )
    probes, owner = Probes(), ThresholdOwner(1, (Address(b"\x01" * 20),), SignatureFlavour.RAW)
    try:
        for claimed in SignatureFlavour:
            owner = replace(owner, flavour=claimed)
            assert await flavour(probes, reader, OWNABLE_VALIDATOR, owner) is SignatureFlavour.RAW
            assert await flavour(probes, reader, personal, owner) is SignatureFlavour.PERSONAL
            assert await probes.owner(reader, nothing, owner) is None
        await rpc.call(devnet.rpc_url, "anvil_setCode", str(personal), "0x")
        assert await flavour(probes, reader, personal, owner) is SignatureFlavour.PERSONAL
    finally:
        await reader.close()


async def flavour(
    probes: Probes, reader: ChainRpc, validator: Address, owner: ThresholdOwner
) -> SignatureFlavour:
    found = await probes.owner(reader, validator, owner)
    assert isinstance(found, ThresholdOwner)
    assert (found.threshold, found.keys) == (owner.threshold, owner.keys)
    return found.flavour


async def answer(devnet: Devnet, digest: bytes, inner: bytes, init_data: bytes) -> bytes:
    """Return the current OwnableValidator's word, or its revert data."""
    data = validate_signature_call(Hash32(digest), inner, init_data)
    call = {"to": str(OWNABLE_VALIDATOR), "data": "0x" + data.hex()}
    (reply,) = await rpc.batch_answers(devnet.rpc_url, [rpc.Request("eth_call", (call, "latest"))])
    return bytes_from_hex(reply["error"].get("data", "0x") if "error" in reply else reply["result"])


@pytest.mark.parametrize("case", MULTISIG["cases"], ids=lambda case: case["case"])
async def test_the_validator_judges_several_signatures_as_recorded(
    devnet: Devnet, case: dict[str, Any]
) -> None:
    inner, init_data = bytes_from_hex(case["innerSignature"]), bytes_from_hex(MULTISIG["initData"])

    said = await answer(devnet, bytes_from_hex(case["userOpHash"]), inner, init_data)

    if "InvalidSignature" in case["result"]:
        assert said == INVALID_SIGNATURE
    else:
        assert said == (YES if case["result"].startswith("('ok'") else NO)


async def test_a_zero_owner_would_let_strangers_sign(devnet: Devnet) -> None:
    # Why owners_init_data refuses it: one owner and an unrecoverable piece are taken for two owners.
    ours, stranger, digest = a_key(), a_key(), b"\x07" * 32
    init_data = encoded(2, [Address(bytes(20)), address_of(ours)])
    unrecoverable = b"\xff" * 64 + b"\x1b"

    inner = sign_digest(ours, digest) + sign_digest(stranger, digest) + unrecoverable

    assert await answer(devnet, digest, inner, init_data) == YES


@pytest.mark.parametrize("threshold", [0, 2])
async def test_owners_that_the_client_refuses_never_work(devnet: Devnet, threshold: int) -> None:
    keys = sorted((a_key(), a_key()), key=address_of, reverse=True)
    inner = b"".join(sign_digest(key, b"\x07" * 32) for key in keys)

    assert await answer(devnet, b"\x07" * 32, inner, encoded(threshold, list(map(address_of, keys)))) == NO


def encoded(threshold: int, owners: Sequence[Address]) -> bytes:
    """Encode owners without a check."""
    words = (threshold, 64, len(owners), *(int.from_bytes(owner, "big") for owner in owners))
    return b"".join(word.to_bytes(32, "big") for word in words)
