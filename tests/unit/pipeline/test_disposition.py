"""What a bundler's answer means once signed bytes may have left."""

import pytest
from eth_abi.abi import encode

from agent.domain.keccak import keccak256
from agent.domain.send_answer import Accepted, RejectedAnswer, SendAnswer, UnknownAnswer
from agent.pipeline.disposition import LATER_S, QUIET_S, SOON_S, HoldIt, Keep, disposition
from tests.builders import a_hash

VIOLATION = "0x3b577361" + "11" * 32 + "00" * 12 + "22" * 20
TOO_LITTLE = "0x08c379a0" + encode(["string"], ["Too little received"]).hex()
NO_SESSION = "0x" + keccak256(b"InvalidPermissionId(bytes32)")[:4].hex() + "11" * 32


@pytest.mark.parametrize(
    ("answer", "resend_after_s", "code"),
    [
        (Accepted(a_hash()), QUIET_S, "accepted"),
        (UnknownAnswer("timeout"), SOON_S, "unknown"),
        (RejectedAnswer(-32602, "Already known"), QUIET_S, "already_known"),
        (
            RejectedAnswer(-32602, "AA25 invalid account nonce: User operation already present in mempool"),
            SOON_S,
            "replacement_underpriced",
        ),
        (RejectedAnswer(-32500, "UserOperation reverted: AA25 invalid account nonce"), SOON_S, "aa25"),
        (RejectedAnswer(-32500, "AA21 didn't pay prefund"), LATER_S, "low_gas_funds"),
        (RejectedAnswer(-32500, "AA95 out of gas"), LATER_S, "aa95"),
        (RejectedAnswer(-32521, "execution reverted"), SOON_S, "execution_reverted"),
        (RejectedAnswer(-32521, f"reason: {TOO_LITTLE}"), SOON_S, "execution_reverted_error"),
        (RejectedAnswer(-32500, "AA26 over verificationGasLimit"), SOON_S, "aa26"),
        (RejectedAnswer(-32500, "something nobody has seen"), LATER_S, "bundler_rejected"),
    ],
)
def test_it_may_still_land_and_the_same_bytes_go_again(
    answer: SendAnswer, resend_after_s: int, code: str
) -> None:
    verdict = disposition(answer)

    assert isinstance(verdict, Keep)
    assert (resend_after_s, code) == (verdict.resend_after_s, verdict.code)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (f"UserOperation reverted with reason: AA23 reverted {VIOLATION}", "aa23_policyviolation"),
        ("AA24 signature error", "aa24"),
        ("AA93 invalid paymasterAndData", "aa93"),
    ],
)
def test_a_refusal_of_the_operation_itself_waits_for_a_person(message: str, code: str) -> None:
    verdict = disposition(RejectedAnswer(-32500, message))

    assert isinstance(verdict, HoldIt)
    assert code == verdict.code


def test_what_reverts_is_tried_again_soon_once_and_then_later() -> None:
    verdict = disposition(RejectedAnswer(-32521, f"reason: {TOO_LITTLE}"))

    assert isinstance(verdict, Keep)
    assert verdict.pause_s("accepted") == SOON_S
    assert verdict.pause_s("execution_reverted_error") == LATER_S


def test_a_revert_that_no_other_calls_cure_waits_for_a_person() -> None:
    verdict = disposition(RejectedAnswer(-32521, f"reason: {NO_SESSION}"))

    assert isinstance(verdict, HoldIt)
    assert verdict.code == "execution_reverted_invalidpermissionid"
