from typing import Any

import pytest
from coincurve import PrivateKey

from agent.domain.units import Hash32, bytes_from_hex
from agent.smart_sessions.ownable_validator import is_valid
from agent.smart_sessions.reverts import INVALID_SIGNATURE, Revert
from tests.vectors import vectors

MULTISIG = vectors("owners")["multisig"]
INIT_DATA = bytes_from_hex(MULTISIG["initData"])
KEYS = [PrivateKey(bytes_from_hex(key)) for key in MULTISIG["private_keys"]]
DIGEST = Hash32(b"\x07" * 32)


@pytest.mark.parametrize("case", MULTISIG["cases"], ids=lambda case: case["case"])
def test_signatures_are_judged_as_on_chain(case: dict[str, Any]) -> None:
    digest, signature = Hash32.from_hex(case["userOpHash"]), bytes_from_hex(case["innerSignature"])

    if "InvalidSignature" in case["result"]:
        with pytest.raises(Revert) as refused:
            is_valid(digest, signature, INIT_DATA)
        assert refused.value.data == INVALID_SIGNATURE
    else:
        assert is_valid(digest, signature, INIT_DATA) is case["result"].startswith("('ok'")


def a_signature(key: PrivateKey) -> bytes:
    signature = key.sign_recoverable(DIGEST, hasher=None)
    return signature[:64] + bytes([signature[64] + 27])


def with_threshold(threshold: int) -> bytes:
    return threshold.to_bytes(32, "big") + INIT_DATA[32:]


def test_threshold_zero_is_never_met() -> None:
    assert is_valid(DIGEST, a_signature(KEYS[0]), with_threshold(0)) is False


def test_threshold_above_the_owners_is_never_met() -> None:
    assert (
        is_valid(DIGEST, b"".join(map(a_signature, KEYS)) + a_signature(KEYS[0]), with_threshold(4)) is False
    )


@pytest.mark.parametrize("init_data", [b"", INIT_DATA[:64], INIT_DATA[:-1]])
def test_init_data_that_does_not_decode_reverts_without_data(init_data: bytes) -> None:
    with pytest.raises(Revert) as refused:
        is_valid(DIGEST, a_signature(KEYS[0]), init_data)
    assert refused.value.data == b""
