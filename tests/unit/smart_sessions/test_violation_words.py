"""Every refusal says the rule, both numbers and what to do, in the operator's units."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

import agent.smart_sessions
from agent.domain.budget import Violation
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.enabling import EnableGrant, Readiness, mode_for
from agent.smart_sessions.policies import simple_gas
from agent.smart_sessions.violation_words import violation_document, violation_text
from tests.unit.smart_sessions.grants import TOKEN
from tests.unit.smart_sessions.violation_cases import CASES, TOKENS, Case, told

OF_A_STRANGE_CHAIN = {"policy_unknown", "policy_misplaced"}
"""Tested with the walk: what only a chain that breaks its own rules can show."""
OF_ENABLING = {"module_not_installed", "enable_nonce_moved", "session_removed"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text.split(" ", 1)[0].rstrip(":"))
def test_every_refusal_names_rule_numbers_and_remedy(case: Case) -> None:
    assert [violation_text(violation, TOKENS) for violation in told(case)] == [case.text]


def test_every_code_has_its_words_tested() -> None:
    tested = {case.text.split(":", 1)[0].split(" ", 1)[0] for case in CASES}

    assert codes_in_source() == tested | OF_A_STRANGE_CHAIN | OF_ENABLING


def test_the_operating_page_lists_every_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()
    section = page.split("## When a session has no room", 1)[1].split("\n## ", 1)[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    listed = {code for cell in cells for code in re.findall(r"`(\w+)`", cell)}

    assert listed == codes_in_source() | {"budget_exceeded", "job_cap_reached", "session_being_enabled"}


def codes_in_source() -> set[str]:
    found = {f"{part}_limit" for part in (simple_gas.GAS, simple_gas.COST)}
    for path in Path(agent.smart_sessions.__file__).parent.rglob("*.py"):
        if not path.is_relative_to(Path(agent.smart_sessions.__file__).parent / "lint"):
            found |= set(codes_of(path.read_text()))
    return found


def codes_of(source: str) -> Iterable[str]:
    for name in (r"Refused", r"Violation", r"_window_violation", r"_at_place"):
        yield from re.findall(rf'\b{name}\(\s*"([a-z_0-9]+)"', source)
    yield from re.findall(r'\b_no\([^"]*"([a-z_0-9]+)"', source)
    yield from re.findall(r'\btake\([^"()]*"([a-z_0-9]+)"', source)


def test_amounts_of_tokens_nobody_named_are_in_base_units() -> None:
    (violation,) = told(CASES[0])

    assert f"95000000 of 100000000 base units of {TOKEN} used" in violation_text(violation, {})


def test_the_session_is_named_where_a_job_has_several() -> None:
    (violation,) = told(CASES[2])

    assert violation_text(replace(violation, session="main"), TOKENS).startswith("main: usage_limit ")


def test_a_document_has_every_number_in_base_units() -> None:
    (violation,) = told(CASES[0])

    document = violation_document(violation, TOKENS)

    numbers = {name: document[name] for name in ("asked", "left", "limit", "used", "reserved", "unit")}
    assert numbers == {
        "asked": 10_000_000,
        "left": 2_000_000,
        "limit": 100_000_000,
        "used": 95_000_000,
        "reserved": 3_000_000,
        "unit": "token",
    }
    assert (document["rule"], document["target"]) == ("ERC20SpendingLimit", str(TOKEN))
    assert document["text"] == CASES[0].text


@pytest.mark.parametrize(
    ("readiness", "code"),
    [
        (Readiness(False, 0, False, False), "module_not_installed"),  # noqa: FBT003
        (Readiness(False, 3, True, False), "enable_nonce_moved"),  # noqa: FBT003
        (Readiness(False, 0, True, True), "session_removed"),  # noqa: FBT003
    ],
)
def test_obstacles_to_enabling_say_what_to_do(readiness: Readiness, code: str) -> None:
    enable = EnableGrant(Mode.ENABLE, 0, 0, (), b"")

    obstacle = mode_for(enable, readiness)

    assert isinstance(obstacle, Violation)
    assert obstacle.code == code
    assert obstacle.remedy in violation_text(obstacle, TOKENS)
