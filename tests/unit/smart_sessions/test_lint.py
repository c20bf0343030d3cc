import pytest

from agent.smart_sessions.lint import RULES, Subject, lint
from agent.smart_sessions.lint.selectors import TRANSFER, fixed_offsets
from tests.unit.smart_sessions.lint_cases import CASES, FURTHER, GOOD, SWAP, Case


def levels(subject: Subject, rule: str) -> set[str]:
    return {finding.level.value for finding in RULES[rule](subject)}


def test_every_rule_has_an_example() -> None:
    assert list(CASES) == list(RULES) == [f"L{number:02}" for number in range(1, 39)]


@pytest.mark.parametrize(("rule", "case"), CASES.items(), ids=CASES)
def test_rule_finds_its_example_and_passes_its_twin(rule: str, case: Case) -> None:
    assert case.level in levels(case.bad, rule)
    assert levels(case.good, rule) == set()


@pytest.mark.parametrize(("rule", "level", "subject"), FURTHER)
def test_rule_finds_each_of_its_forms(rule: str, level: str, subject: Subject) -> None:
    assert level in levels(subject, rule)


def test_least_session_of_a_job_has_no_finding() -> None:
    assert lint(GOOD) == ()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_finding_is_a_sentence_with_a_remedy(case: Case) -> None:
    for finding in lint(case.bad):
        assert len(finding.sentence) > 15
        assert len(finding.remedy) > 10


def test_allowed_rule_is_found_and_refuses_nothing() -> None:
    (finding,) = (item for item in lint(CASES["L07"].bad, ["L07"]) if item.rule == "L07")
    assert finding.level == "refuse"
    assert not finding.refuses
    assert any(item.refuses for item in lint(CASES["L07"].bad, ["L08"]))


def test_excess_states_both_numbers() -> None:
    (finding,) = RULES["L13"](CASES["L13"].bad)
    assert "37 base units" in finding.sentence
    assert "36 base units" in finding.sentence


def test_arguments_behind_a_pointer_keep_their_place() -> None:
    assert fixed_offsets(SWAP) == frozenset((0, 32, 96, 128))
    assert fixed_offsets(TRANSFER) == frozenset((0, 32))
    assert fixed_offsets(b"\x01\x02\x03\x04") is None
