import pytest

from agent.domain.hold import (
    AccountScope,
    AllScope,
    ChainScope,
    JobScope,
    Scope,
    SessionScope,
    scope_from_text,
    scopes_over,
)
from tests.builders import ACCOUNT, CHAIN_ID, a_hash

SCOPES: list[Scope] = [
    JobScope("rent"),
    SessionScope(CHAIN_ID, ACCOUNT, a_hash(9)),
    AccountScope(CHAIN_ID, ACCOUNT),
    ChainScope(CHAIN_ID),
    AllScope(),
]


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_a_scope_is_read_back_from_its_text(scope: Scope) -> None:
    assert scope_from_text(str(scope)) == scope


@pytest.mark.parametrize(
    "text",
    [
        *("", "all:1", "job:", "job", "chain", "chain:base", "account:1", "session:1/2", "everything"),
        *("job:rent,gym", "job:Rent", "job:rent/1", "chain:-1", "chain:1_0", "chain: 1"),
        *(f"account:-1/{ACCOUNT}", f"account:/{ACCOUNT}"),
    ],
)
def test_any_other_text_is_no_scope(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no scope|invalid|0x|hex"):
        scope_from_text(text)


def test_a_job_is_under_every_scope_that_holds_it() -> None:
    assert set(scopes_over(CHAIN_ID, ACCOUNT, "rent", [a_hash(9)])) == set(SCOPES)
