"""The passkey validator answers as it did when the vectors were recorded, and its curve agrees with ours."""

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from agent.devnet import rpc
from agent.devnet.devnet import Devnet
from agent.domain.p256 import ORDER, P256Point, with_low_s
from agent.domain.units import Hash32, bytes_from_hex
from agent.smart_sessions.addresses import WEB_AUTHN_VALIDATOR
from agent.smart_sessions.owners.owner import validate_signature_call
from agent.smart_sessions.owners.passkey import PasskeyOwner
from agent.smart_sessions.owners.passkey_data import PasskeyData, encode_passkey
from tests.vectors import vectors

VECTORS: list[dict[str, Any]] = vectors("owners")["webauthn"]
SESSIONS = [case for case in VECTORS if "initData" in case]
DIRECT = [case for case in VECTORS if case["case"].startswith("direct")]
YES, NO = (1).to_bytes(32, "big"), bytes(32)
PANIC_INDEX = "0x4e487b71" + (0x32).to_bytes(32, "big").hex()
HASH = Hash32(hashlib.sha256(b"an operation").digest())


async def answer(devnet: Devnet, digest: bytes, signature: bytes, init_data: bytes) -> bytes | str:
    """Return the validator's word, or the revert data as hex."""
    data = validate_signature_call(Hash32(digest), signature, init_data)
    call = {"to": str(WEB_AUTHN_VALIDATOR), "data": "0x" + data.hex()}
    (reply,) = await rpc.batch_answers(devnet.rpc_url, [rpc.Request("eth_call", (call, "latest"))])
    return reply["error"].get("data", "0x") if "error" in reply else bytes_from_hex(reply["result"])


@pytest.mark.parametrize("case", SESSIONS, ids=lambda case: case["case"])
async def test_recorded_session_signatures_are_accepted(devnet: Devnet, case: dict[str, Any]) -> None:
    inner, init_data = bytes_from_hex(case["innerSignature"]), bytes_from_hex(case["initData"])

    assert await answer(devnet, bytes_from_hex(case["userOpHash"]), inner, init_data) == YES
    assert await answer(devnet, HASH, inner, init_data) == NO


@pytest.mark.parametrize("case", DIRECT, ids=lambda case: case["case"])
async def test_recorded_answers_to_several_passkeys(devnet: Devnet, case: dict[str, Any]) -> None:
    recorded = case["result"]

    said = await answer(devnet, *(bytes_from_hex(case[name]) for name in ("hash", "signature", "data")))

    assert said == (PANIC_INDEX if "Panic" in recorded else bytes_from_hex(recorded))


def a_passkey(seed: int, *, precompile: bool) -> tuple[PasskeyOwner, ec.EllipticCurvePrivateKey]:
    key = ec.derive_private_key(seed, ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    return PasskeyOwner(PasskeyData(P256Point(numbers.x, numbers.y), precompile)), key


def r_and_s(key: ec.EllipticCurvePrivateKey, digest: bytes) -> tuple[int, int]:
    algorithm = ec.ECDSA(utils.Prehashed(SHA256()), deterministic_signing=True)
    return utils.decode_dss_signature(key.sign(digest, algorithm))


@pytest.mark.parametrize("precompile", [True, False], ids=["precompile", "library"])
@pytest.mark.parametrize("seed", [2, 3, 2**128, ORDER - 2, 0xC0FFEE])
async def test_owner_and_validator_agree(devnet: Devnet, *, seed: int, precompile: bool) -> None:
    owner, key = a_passkey(seed, precompile=precompile)
    init_data = encode_passkey(owner.data)
    r, s = r_and_s(key, owner.digest(HASH, owner.keys[0]))
    good = owner.assemble(HASH, {owner.keys[0]: with_low_s(r, s)})
    high = max(s, ORDER - s)
    bad = [
        with_low_s(r ^ 1, s),
        with_low_s(r, s ^ 1),
        r.to_bytes(32, "big") + high.to_bytes(32, "big"),
        bytes(64),
        b"\xff" * 64,
    ]

    owner.prove(HASH, good)
    assert await answer(devnet, HASH, good, init_data) == YES
    for signature in bad:
        inner = owner.assemble(HASH, {owner.keys[0]: signature})
        with pytest.raises(ValueError, match="is not the passkey's"):
            owner.prove(HASH, inner)
        assert await answer(devnet, HASH, inner, init_data) == NO
    assert await answer(devnet, HASH, owner.stub, init_data) == NO
    assert isinstance(await answer(devnet, HASH, b"", init_data), str)


async def test_verification_gas_covers_what_the_stub_does_not_spend(devnet: Devnet) -> None:
    for precompile in (True, False):
        owner, key = a_passkey(7, precompile=precompile)
        digest = owner.digest(HASH, owner.keys[0])
        real = owner.assemble(HASH, {owner.keys[0]: with_low_s(*r_and_s(key, digest))})
        spent = [
            await estimated(devnet, validate_signature_call(HASH, inner, encode_passkey(owner.data)))
            for inner in (owner.stub, real)
        ]
        assert spent[0] < spent[1] <= spent[0] + owner.verification_gas, spent


async def estimated(devnet: Devnet, data: bytes) -> int:
    call = {"to": str(WEB_AUTHN_VALIDATOR), "data": "0x" + data.hex()}
    return int(await rpc.call(devnet.rpc_url, "eth_estimateGas", call), 16)
