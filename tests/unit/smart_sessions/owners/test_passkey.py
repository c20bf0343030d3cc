"""A passkey's init data and assertions, byte for byte as recorded, and proven before use."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from agent.domain.p256 import ORDER, P256Point, verifies, with_low_s
from agent.domain.units import Hash32, bytes_from_hex
from agent.smart_sessions.addresses import WEB_AUTHN_VALIDATOR
from agent.smart_sessions.owners import VALIDATORS
from agent.smart_sessions.owners.passkey import PasskeyOwner, owner_from
from agent.smart_sessions.owners.passkey_data import PasskeyData, decode_passkey, encode_passkey
from tests.vectors import vectors

CASES: list[dict[str, Any]] = [case for case in vectors("owners")["webauthn"] if "initData" in case]
HASH = Hash32(b"\x07" * 32)
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
hashes = st.binary(min_size=32, max_size=32).map(Hash32)
secrets = st.integers(1, ORDER - 1)


def a_key(secret: int) -> tuple[ec.EllipticCurvePrivateKey, P256Point]:
    key = ec.derive_private_key(secret, ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    return key, P256Point(numbers.x, numbers.y)


def signed(key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    algorithm = ec.ECDSA(utils.Prehashed(SHA256()), deterministic_signing=True)
    return with_low_s(*utils.decode_dss_signature(key.sign(digest, algorithm)))


def recorded(case: dict[str, Any]) -> PasskeyOwner:
    # The vectors were made for another relying party, which no validator checks.
    return PasskeyOwner(decode_passkey(bytes_from_hex(case["initData"])), "example.org")


@each_case
def test_init_data_is_the_recorded_320_bytes(case: dict[str, Any]) -> None:
    precompile = case["case"].endswith("True")
    point = P256Point(int(case["x"], 16), int(case["y"], 16))
    data = PasskeyData(point, precompile)

    assert "0x" + encode_passkey(data).hex() == case["initData"]
    assert str(data.credential_id) == case["credentialId"]
    assert decode_passkey(bytes_from_hex(case["initData"])) == data
    assert a_key(int(case["private_key"], 16))[1] == point


@each_case
def test_inner_signature_is_the_recorded_one(case: dict[str, Any]) -> None:
    owner, user_op_hash = recorded(case), Hash32.from_hex(case["userOpHash"])
    inner = bytes_from_hex(case["innerSignature"])
    r_and_s = bytes_from_hex(case["r"]) + bytes_from_hex(case["s"])

    assert owner.assemble(user_op_hash, {owner.keys[0]: r_and_s}) == inner
    owner.prove(user_op_hash, inner)
    assert len(owner.stub) == len(inner)


@each_case
def test_the_standard_encoding_is_refused_before_the_chain_does(case: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="384 bytes of init data, SmartSession keeps 320"):
        owner_from(bytes_from_hex(case["standard_initData_384_bytes_refused"]))


@budget(max_examples=60)
@given(secret=secrets, user_op_hash=hashes, precompile=st.booleans(), verifies_user=st.booleans())
def test_what_a_passkey_signs_is_proven(
    secret: int, user_op_hash: Hash32, *, precompile: bool, verifies_user: bool
) -> None:
    key, point = a_key(secret)
    owner = PasskeyOwner(PasskeyData(point, precompile, precompile or verifies_user))

    inner = owner.assemble(
        user_op_hash, {owner.keys[0]: signed(key, owner.digest(user_op_hash, owner.keys[0]))}
    )

    owner.prove(user_op_hash, inner)
    assert owner_from(encode_passkey(owner.data)) == owner
    with pytest.raises(ValueError, match="no assertion about this operation"):
        owner.prove(Hash32(user_op_hash[::-1] if user_op_hash != user_op_hash[::-1] else HASH), inner)


@budget(max_examples=60)
@given(st.integers(0, 576 * 8 - 1))
def test_a_flipped_bit_never_passes(bit: int) -> None:
    key, point = a_key(5)
    owner = PasskeyOwner(PasskeyData(point, use_precompile=False))
    inner = owner.assemble(HASH, {point.address: signed(key, owner.digest(HASH, point.address))})
    bit %= len(inner) * 8
    flipped = (int.from_bytes(inner, "big") ^ 1 << bit).to_bytes(len(inner), "big")

    with pytest.raises(ValueError, match="the signature is"):
        owner.prove(HASH, flipped)


def test_high_s_and_values_out_of_range_do_not_verify() -> None:
    key, point = a_key(5)
    good = signed(key, HASH)
    r, s = good[:32], int.from_bytes(good[32:], "big")
    zero, order = bytes(32), ORDER.to_bytes(32, "big")

    assert verifies(point, HASH, good)
    for bad in (r + (ORDER - s).to_bytes(32, "big"), r + zero, zero + good[32:], order + good[32:], b"", r):
        assert not verifies(point, HASH, bad)


@budget(max_examples=200)
@given(index=st.integers(0, 9), value=st.integers(0, 2**256 - 1), precompile=st.booleans())
def test_init_data_with_another_word_is_no_passkey(index: int, value: int, *, precompile: bool) -> None:
    words = encode_passkey(PasskeyData(a_key(5)[1], precompile))
    changed = words[: 32 * index] + value.to_bytes(32, "big") + words[32 * (index + 1) :]

    # The last word of the library's form says whether the user must be verified.
    if changed != words and (index, value, precompile) != (9, 0, False):
        with pytest.raises(ValueError, match="no passkey"):
            decode_passkey(changed)


def test_a_point_off_the_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="not a point of P-256"):
        owner_from(encode_passkey(PasskeyData(P256Point(1, 1), use_precompile=False)))


def test_the_precompile_form_verifies_the_user() -> None:
    with pytest.raises(ValueError, match="no shorter encoding"):
        encode_passkey(PasskeyData(a_key(5)[1], use_precompile=True, require_user_verification=False))


def test_a_missing_or_misshapen_part_is_refused() -> None:
    owner = PasskeyOwner(PasskeyData(a_key(5)[1], use_precompile=False))

    for parts in ({}, {owner.keys[0]: bytes(65)}):
        with pytest.raises(ValueError, match="did not sign"):
            owner.assemble(HASH, parts)


def test_the_validator_is_chosen_by_its_address() -> None:
    assert [item.name for item in VALIDATORS if item.address == WEB_AUTHN_VALIDATOR] == ["webauthn"]


def test_the_library_costs_more_than_the_precompile() -> None:
    point = a_key(5)[1]
    library, precompile = (PasskeyOwner(PasskeyData(point, flag)).verification_gas for flag in (False, True))

    assert (library >= 230_000, precompile >= 15_000, library > precompile) == (True, True, True)
