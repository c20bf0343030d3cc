"""The digests of a session document are those of the genuine contracts."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.commands.json_document import DocumentError
from agent.commands.session_digest import session_digests, session_in
from agent.domain.units import Address, ChainId
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.ids import permission_id

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "smart_sessions.json").read_text()
)


@pytest.mark.parametrize("vector", VECTORS["sessions"], ids=lambda vector: vector["name"])
@pytest.mark.parametrize(
    ("mode", "expected"), [(Mode.ENABLE, "digest_enable"), (Mode.UNSAFE_ENABLE, "digest_unsafe_enable")]
)
def test_digest_is_the_contract_s(vector: dict[str, Any], mode: Mode, expected: str) -> None:
    session = session_in(json.dumps(vector["session"]), "session.json")
    found = session_digests(
        session,
        Address.parse(vector["account"]),
        vector["nonce"],
        ChainId(VECTORS["chain_id"]),
        Address.parse(vector["smart_session"]),
        mode,
    )
    assert str(found.session_digest) == vector[expected]
    assert str(found.permission_id) == vector["permission_id"]


@pytest.mark.parametrize("vector", VECTORS["sessions"], ids=lambda vector: vector["name"])
def test_owner_signs_the_multichain_digest_of_the_one_chain(vector: dict[str, Any]) -> None:
    found = session_digests(
        session_in(json.dumps(vector["session"]), "session.json"),
        Address.parse(vector["account"]),
        vector["nonce"],
        ChainId(VECTORS["chain_id"]),
        Address.parse(vector["smart_session"]),
        Mode.ENABLE,
    )
    assert str(found.multichain_digest) == vector["multichain_digest_single"]


def test_permission_id_leaves_policies_out() -> None:
    form = VECTORS["sessions"][0]["session"]
    fewer = {**form, "actions": [], "userOpPolicies": []}
    assert permission_id(session_in(json.dumps(fewer), "fewer.json")) == permission_id(
        session_in(json.dumps(form), "session.json")
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON"),
        ("[]", "expected an object"),
        ('{"salt": 1, "salt": 2}', "key 'salt' is there twice"),
        ('{"salt": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "nested deeper than 32 levels"),
        ('{"salt": "' + "[" * 100 + '"}', "session.actions is missing"),
        ("{}", "session.actions is missing"),
        (json.dumps({**VECTORS["sessions"][0]["session"], "salt": "0x00"}), "session.salt has 1 bytes"),
        (json.dumps({**VECTORS["sessions"][0]["session"], "policies": []}), "session.policies is unknown"),
        (
            json.dumps({**VECTORS["sessions"][0]["session"], "permitERC4337Paymaster": 1}),
            "permitERC4337Paymaster must be true or false",
        ),
    ],
)
def test_malformed_session_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        session_in(text, "session.json")
