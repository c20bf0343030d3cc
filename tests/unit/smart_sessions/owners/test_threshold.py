"""A threshold of keys: what we make the validator takes, and what we would not send we refuse ourselves."""

from itertools import combinations
from random import Random
from typing import Any

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32, bytes_from_hex
from agent.smart_sessions import ownable_validator
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR
from agent.smart_sessions.owners import VALIDATORS
from agent.smart_sessions.owners.threshold import ThresholdOwner, owner_from
from agent.smart_sessions.signature import SignatureFlavour, owners_init_data, signed_hash
from tests.vectors import vectors

MULTISIG = vectors("owners")["multisig"]
INIT_DATA = bytes_from_hex(MULTISIG["initData"])
OUTSIDER = PrivateKey(b"\x77" * 32)
HASH = Hash32(b"\x07" * 32)

hashes = st.binary(min_size=32, max_size=32).map(Hash32)
flavours = st.sampled_from(SignatureFlavour)


@st.composite
def keys_and_threshold(draw: st.DrawFn) -> tuple[list[PrivateKey], int]:
    secrets = draw(st.lists(st.integers(1, 2**128), min_size=1, max_size=7, unique=True))
    keys = sorted((PrivateKey(secret.to_bytes(32, "big")) for secret in secrets), key=address_of)
    return keys, draw(st.integers(1, len(keys)))


def address_of(key: PrivateKey) -> Address:
    return Address(keccak256(key.public_key.format(compressed=False)[1:])[12:])


def signed(key: PrivateKey, digest: bytes) -> bytes:
    signature = key.sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([signature[64] + 27])


def an_owner(keys: list[PrivateKey], threshold: int, flavour: SignatureFlavour) -> ThresholdOwner:
    return ThresholdOwner(threshold, tuple(map(address_of, keys)), flavour)


KEYS = [PrivateKey(bytes_from_hex(key)) for key in MULTISIG["private_keys"]]
TWO_OF_THREE = an_owner(KEYS, 2, SignatureFlavour.RAW)
A, B, C = (signed(key, HASH) for key in KEYS)


def test_recorded_init_data_names_its_owners() -> None:
    validator = next(item for item in VALIDATORS if item.address == OWNABLE_VALIDATOR)

    owner = validator.owner(INIT_DATA)

    assert owner == TWO_OF_THREE
    assert [str(key) for key in owner.keys] == MULTISIG["owners"]


@pytest.mark.parametrize("case", MULTISIG["cases"], ids=lambda case: case["case"])
def test_nothing_passes_that_the_contract_refused(case: dict[str, Any]) -> None:
    digest, inner = Hash32.from_hex(case["userOpHash"]), bytes_from_hex(case["innerSignature"])
    plain = len(inner) == 130 and "v+4" not in case["case"]

    if case["result"].startswith("('ok'") and plain:
        TWO_OF_THREE.prove(digest, inner)
    else:
        # Surplus bytes too: the validator ignores them, and anybody could have added them.
        with pytest.raises(ValueError, match=r"signature|signed|owner"):
            TWO_OF_THREE.prove(digest, inner)


@given(keys_and_threshold(), hashes, flavours, st.randoms(use_true_random=False))
def test_any_threshold_of_the_owners_makes_what_the_validator_takes(
    chosen: tuple[list[PrivateKey], int], user_op_hash: Hash32, flavour: SignatureFlavour, random: Random
) -> None:
    keys, threshold = chosen
    owner = an_owner(keys, threshold, flavour)
    signing = random.sample(keys, random.randint(threshold, len(keys)))
    parts = {address_of(key): signed(key, owner.digest(user_op_hash, address_of(key))) for key in signing}

    inner = owner.assemble(user_op_hash, parts)

    owner.prove(user_op_hash, inner)
    init_data = owners_init_data(threshold, owner.keys)
    assert owner_from(flavour, init_data) == owner
    assert len(init_data) <= 320
    assert ownable_validator.is_valid(signed_hash(user_op_hash, flavour), inner, init_data)
    assert len(owner.stub) == len(inner)


@given(keys_and_threshold(), hashes, flavours)
def test_the_stub_fails_without_reverting(
    chosen: tuple[list[PrivateKey], int], user_op_hash: Hash32, flavour: SignatureFlavour
) -> None:
    owner = an_owner(*chosen, flavour)

    said = ownable_validator.is_valid(user_op_hash, owner.stub, owners_init_data(owner.threshold, owner.keys))

    assert said is False


@given(keys_and_threshold(), hashes, st.integers(0, 7 * 65 * 8 - 1))
def test_a_flipped_bit_never_passes(
    chosen: tuple[list[PrivateKey], int], user_op_hash: Hash32, bit: int
) -> None:
    keys, threshold = chosen
    owner = an_owner(keys, threshold, SignatureFlavour.RAW)
    inner = b"".join(signed(key, user_op_hash) for key in keys[:threshold])
    bit %= len(inner) * 8
    flipped = (int.from_bytes(inner, "big") ^ 1 << bit).to_bytes(len(inner), "big")

    with pytest.raises(ValueError, match=r"signature|signed"):
        owner.prove(user_op_hash, flipped)


@pytest.mark.parametrize("pair", list(combinations(range(3), 2)))
def test_any_two_of_three_may_sign(pair: tuple[int, int]) -> None:
    parts = {address_of(KEYS[index]): (A, B, C)[index] for index in pair}

    TWO_OF_THREE.prove(HASH, TWO_OF_THREE.assemble(HASH, parts))


def test_one_alone_is_refused_before_anything_is_assembled() -> None:
    with pytest.raises(ValueError, match="1 owners signed, the threshold is 2"):
        TWO_OF_THREE.assemble(HASH, {address_of(KEYS[0]): A})


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (A, "65 bytes"),
        (A + A, "signed twice"),
        (A + signed(OUTSIDER, HASH), "no owner"),
        (A + B + C, "195 bytes"),
        (A + signed(KEYS[1], signed_hash(HASH, SignatureFlavour.PERSONAL)), "no owner"),
        (A + bytes(65), "27 or 28"),
        (A + b"\xff" * 64 + b"\x1b", "recovers to no key"),
        (b"", "0 bytes"),
    ],
    ids=["alone", "twice", "outsider", "three", "other flavour", "zeros", "unrecoverable", "empty"],
)
def test_what_the_owners_did_not_sign_is_refused(inner: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TWO_OF_THREE.prove(HASH, inner)


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def raw_init_data(threshold: int, owners: list[int]) -> bytes:
    return b"".join(map(word, [threshold, 64, len(owners), *owners]))


@pytest.mark.parametrize(
    "init_data",
    [
        b"",
        b"\x01" * 20,
        raw_init_data(0, [1]),
        raw_init_data(3, [1, 2]),
        raw_init_data(2, [0, 1]),
        raw_init_data(1, [2, 1]),
        raw_init_data(1, [1, 1]),
        raw_init_data(1, list(range(1, 9))),
        raw_init_data(1, [1]) + word(0),
        raw_init_data(1, [1 << 160]),
        word(1) + word(2**255) + word(1),
    ],
    ids=[
        "empty",
        "packed",
        "threshold zero",
        "threshold above",
        "zero owner",
        "unsorted",
        "duplicate",
        "eight",
        "trailing",
        "wide",
        "far offset",
    ],
)
def test_owners_that_never_work_or_work_for_strangers_are_refused(init_data: bytes) -> None:
    with pytest.raises(ValueError, match=r"owner|352 bytes"):
        owner_from(SignatureFlavour.RAW, init_data)


def test_each_further_key_costs_gas_beyond_the_stub() -> None:
    assert [an_owner(KEYS, count, SignatureFlavour.RAW).verification_gas for count in (1, 2, 3)] == [
        0,
        2_000,
        4_000,
    ]
