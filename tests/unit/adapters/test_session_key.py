import copy
import pickle

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.session_key import SessionKey
from agent.domain.signatures import recover_signer
from agent.domain.units import Address, Hash32

CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
# The first development key of anvil, known to everybody.
SECRET = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
ADDRESS = Address.parse("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")


def test_key_has_the_known_address() -> None:
    assert SessionKey(SECRET).address == ADDRESS


@given(st.binary(min_size=32, max_size=32))
def test_signature_recovers_to_the_signer_and_has_low_s(digest: bytes) -> None:
    key = SessionKey(SECRET)

    signature = key.sign(Hash32(digest))

    assert recover_signer(Hash32(digest), signature) == key.address
    assert int.from_bytes(signature[32:64], "big") <= CURVE_ORDER // 2
    assert signature[64] in (27, 28)


def test_signature_is_deterministic() -> None:
    digest = Hash32(bytes(31) + b"\x01")

    assert SessionKey(SECRET).sign(digest) == SessionKey(SECRET).sign(digest)


@pytest.mark.parametrize(
    "secret", [SECRET[:-1], SECRET + b"\x00", b"", bytes(32), CURVE_ORDER.to_bytes(32, "big")]
)
def test_short_long_or_out_of_range_secret_is_refused(secret: bytes) -> None:
    with pytest.raises(ValueError, match=r"32 bytes|[Ss]ecret"):
        SessionKey(secret)


def test_key_never_prints_itself() -> None:
    key = SessionKey(SECRET)

    for shown in (repr(key), str(key), f"{key}", f"{[key]}"):
        assert str(int.from_bytes(SECRET, "big")) not in shown
        assert SECRET.hex() not in shown
        assert "****" in shown
    assert not hasattr(key, "__dict__")


def test_key_cannot_be_pickled_or_copied() -> None:
    key = SessionKey(SECRET)

    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(key)


def test_recovery_names_another_signer_for_another_key() -> None:
    digest = Hash32(bytes(32))

    assert recover_signer(digest, SessionKey(PrivateKey().secret).sign(digest)) != ADDRESS
