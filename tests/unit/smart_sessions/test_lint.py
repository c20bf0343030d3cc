from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.keccak import keccak256
from agent.domain.units import Hash32
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR
from agent.smart_sessions.lint import RULES, Subject, lint
from agent.smart_sessions.lint.build import unpinned
from agent.smart_sessions.lint.selectors import TRANSFER, fixed_offsets
from agent.smart_sessions.lint.subject import OnChain
from agent.smart_sessions.policies import simple_gas, time_frame
from tests.unit.smart_sessions.lint_cases import (
    CASES,
    FURTHER,
    GOOD,
    SIGNED,
    SWAP,
    Case,
    a_session,
    about,
    on_chain_as_granted,
)
from tests.unit.smart_sessions.lint_page import lint_table


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


def test_page_on_the_rules_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "lint.md"
    assert lint_table() in page.read_text()


@pytest.mark.parametrize("rule", RULES)
def test_rule_s_own_words_begin_with_its_code(rule: str) -> None:
    assert (RULES[rule].__doc__ or "").startswith(f"{rule}: ")


def test_contract_without_a_known_code_hash_is_not_pinned() -> None:
    session, known = a_session(), Hash32(keccak256(b"\x60"))
    codes = {simple_gas.ADDRESS: b"\x60", time_frame.ADDRESS: b"\x60", OWNABLE_VALIDATOR: b""}
    subject = about(session, on_chain=OnChain(codes=codes), code_hashes={simple_gas.ADDRESS: known})
    assert list(unpinned(subject)) == [(time_frame.ADDRESS, known)]


def test_unused_enable_signature_starts_a_live_session_anew() -> None:
    live = on_chain_as_granted(a_session(), enable_nonce=SIGNED.nonce)
    assert about(a_session(), signatures=(SIGNED,), on_chain=live).restarts == 1
    assert about(a_session(), signatures=(SIGNED,), on_chain=replace(live, enable_nonce=5)).restarts == 0
    assert about(a_session(), signatures=(SIGNED,), on_chain=OnChain(enable_nonce=SIGNED.nonce)).restarts == 0
