from typing import Any

import pytest

from agent.domain.units import Address
from agent.smart_sessions.session_json import session_from_json
from agent.smart_sessions.signature import owners_init_data
from tests.vectors import vectors

FULL = vectors("smart_sessions")["sessions"][0]["session"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"salt": "0x00"}, "session.salt has 1 bytes, not 32"),
        ({"salt": 1}, "session.salt must be a string"),
        ({"extra": 1}, "session.extra is unknown"),
        ({"actions": {}}, "session.actions must be a list"),
        ({"actions": [1]}, r"session.actions\[0\] must be an object"),
        ({"permitERC4337Paymaster": 1}, "session.permitERC4337Paymaster must be true or false"),
        ({"sessionValidator": FULL["sessionValidator"].replace("F", "f", 1)}, "sessionValidator: .*checksum"),
        (
            {"userOpPolicies": [{"policy": FULL["sessionValidator"]}]},
            r"userOpPolicies\[0\].initData is missing",
        ),
    ],
)
def test_wrong_field_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        session_from_json(FULL | changes)


def test_session_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="session must be an object"):
        session_from_json([])


def test_both_spellings_of_content_names_are_read() -> None:
    (content,) = FULL["erc7739Policies"]["allowedERC7739Content"]
    plural = {"appDomainSeparator": content["appDomainSeparator"], "contentNames": content["contentName"]}
    erc7739 = FULL["erc7739Policies"] | {"allowedERC7739Content": [plural]}

    assert session_from_json(FULL | {"erc7739Policies": erc7739}) == session_from_json(FULL)


A, B = Address(b"\x01" * 20), Address(b"\x02" * 20)


def test_owners_are_encoded_as_recorded() -> None:
    multisig = vectors("owners")["multisig"]
    owners = [Address.parse(owner) for owner in multisig["owners"]]

    assert "0x" + owners_init_data(multisig["threshold"], owners).hex() == multisig["initData"]


@pytest.mark.parametrize(
    ("threshold", "owners", "message"),
    [
        (0, [A], "threshold"),
        (2, [A], "threshold"),
        (1, [Address(bytes([i]) * 20) for i in range(1, 9)], "owners <= 7"),
        (1, [B, A], "ascending"),
        (1, [A, A], "unique"),
        (1, [Address(bytes(20)), A], "zero address"),
    ],
)
def test_owners_that_could_never_sign_are_refused(
    threshold: int, owners: list[Address], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        owners_init_data(threshold, owners)
