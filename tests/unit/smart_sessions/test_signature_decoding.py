from collections.abc import Callable
from random import Random

import pytest

from agent.domain.units import ChainId, Hash32
from agent.smart_sessions import fastlz
from agent.smart_sessions.digest import ChainDigest, Mode
from agent.smart_sessions.signature import EnableSession, enable_signature, first_use_signature, use_signature
from agent.smart_sessions.signature_decoding import DecodedEnable, DecodedUse, decode_signature
from tests.parity.dice import a_session

PERMISSION = Hash32(b"\x07" * 32)


def test_use_signature_is_read_back() -> None:
    assert decode_signature(use_signature(PERMISSION, b"inner")) == DecodedUse(PERMISSION, b"inner")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("encode", [enable_signature, first_use_signature])
@pytest.mark.parametrize("mode", [Mode.ENABLE, Mode.UNSAFE_ENABLE])
def test_enable_signature_is_read_back(
    seed: int, encode: Callable[[EnableSession, bytes, Mode], bytes], mode: Mode
) -> None:
    digests = (ChainDigest(ChainId(1), PERMISSION), ChainDigest(ChainId(2**64 - 1), PERMISSION))
    enable = EnableSession(1, digests, a_session(Random(seed)), b"owner")
    assert decode_signature(encode(enable, b"in", mode)) == DecodedEnable(mode, enable, b"in")


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (b"", "mode missing"),
        (b"\x03" + bytes(40), "mode 03"),
        (b"\x00" + bytes(31), "32 bytes in mode USE"),
        (b"\x01" + fastlz.compress_literal(bytes(64)), "no session to enable"),
        (b"\x01\x20", "ends inside the token"),
    ],
)
def test_field_that_is_no_signature_is_refused(field: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_signature(field)
