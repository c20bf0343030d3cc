import pytest
from eth_abi.abi import encode

from agent.domain.keccak import keccak256
from agent.erc4337.entry_point_errors import error_from_message, error_from_revert
from agent.erc4337.inner_errors import ERROR_SIGNATURES, inner_error
from tests.vectors import vectors

RECORDED = vectors("smart_sessions")["errors"]
PERMISSION = bytes(range(32))
POLICY = "0x00000000001d4479fa2a947026204d0283cede4b"
VIOLATION = bytes.fromhex("3b577361") + PERMISSION + bytes(12) + bytes.fromhex(POLICY[2:])


@pytest.mark.parametrize(("selector", "signature"), RECORDED.items())
def test_every_recorded_error_has_its_name(selector: str, signature: str) -> None:
    assert ERROR_SIGNATURES[bytes.fromhex(selector[2:])] == signature


def test_selectors_are_the_hashes_of_the_signatures() -> None:
    assert all(keccak256(name.encode())[:4] == selector for selector, name in ERROR_SIGNATURES.items())


def test_failed_op_with_revert_carries_the_inner_error() -> None:
    inner = encode(["uint256", "string", "bytes"], [3, "AA23 reverted", VIOLATION])

    error = error_from_revert(bytes.fromhex("65c8fd4d") + inner)

    assert error is not None
    assert (error.code, error.text, error.op_index) == ("AA23", "reverted", 3)
    assert error.inner is not None
    assert (error.inner.name, error.inner.args) == ("PolicyViolation", (PERMISSION, POLICY))


def test_failed_op_without_revert_has_no_inner_error() -> None:
    data = bytes.fromhex("220266b6") + encode(["uint256", "string"], [0, "AA25 invalid account nonce"])

    error = error_from_revert(data)

    assert error is not None
    assert (error.code, error.inner) == ("AA25", None)


@pytest.mark.parametrize("data", [b"", b"\x01", VIOLATION, bytes.fromhex("220266b6")])
def test_other_revert_data_is_no_entry_point_error(data: bytes) -> None:
    assert error_from_revert(data) is None


@pytest.mark.parametrize(
    ("message", "code", "text", "inner"),
    [
        (
            f"UserOperation reverted with reason: AA23 reverted 0x{VIOLATION.hex()}",
            "AA23",
            "reverted",
            VIOLATION,
        ),
        ("UserOperation reverted during simulation with reason: AA23 reverted 0x", "AA23", "reverted", b""),
        ("AA22 expired or not due", "AA22", "expired or not due", None),
        ("AA24 signature error", "AA24", "signature error", None),
    ],
)
def test_bundler_message_is_read(message: str, code: str, text: str, inner: bytes | None) -> None:
    error = error_from_message(message)

    assert error is not None
    assert (error.code, error.text) == (code, text)
    assert (error.inner.data if error.inner else None) == inner


def test_message_without_code_is_none() -> None:
    assert error_from_message("User operation gas limits exceed the max gas per userOp: 5 > 4") is None


def test_cut_off_arguments_still_have_a_name() -> None:
    error = inner_error(VIOLATION[:40])

    assert (error.name, error.args) == ("PolicyViolation", ())
    assert str(inner_error(VIOLATION)) == f"PolicyViolation(0x{PERMISSION.hex()}, {POLICY})"
