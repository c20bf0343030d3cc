"""Files may name lint rules without loading them."""

from agent.smart_sessions.lint import RULES
from agent.smart_sessions.lint_codes import RULE_CODES


def test_the_codes_are_those_of_the_rules() -> None:
    assert set(RULES) == RULE_CODES
