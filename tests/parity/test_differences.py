"""Known differences stay what they are: one that an SDK mends must leave the list."""

import pytest

from agent.smart_sessions.policies import POLICIES, erc20_spending_limit
from agent.smart_sessions.policies.policy import Use
from tests.parity.differences import Anything, differences
from tests.parity.sdks import Failed, ask

DIFFERENCES = list(differences())


@pytest.fixture(scope="module")
def answers() -> list[object]:
    return ask(item.question for item in DIFFERENCES)


@pytest.mark.parametrize("index", range(len(DIFFERENCES)), ids=lambda index: DIFFERENCES[index].question.name)
def test_sdk_still_differs(index: int, answers: list[object]) -> None:
    difference, answer = DIFFERENCES[index], answers[index]
    assert answer != difference.ours
    if difference.theirs is Failed:
        assert isinstance(answer, Failed)
    elif difference.theirs is Anything:
        assert not isinstance(answer, Failed)
    else:
        assert answer == difference.theirs


def test_spending_limits_cannot_guard_operations() -> None:
    assert Use.USER_OP not in POLICIES[erc20_spending_limit.ADDRESS].uses
