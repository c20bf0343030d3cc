"""Each answer of a bundler has one meaning: the corpus of real answers says which."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.units import Wei
from agent.erc4337.answer_table import RPC_CODES, SAID, UNSURE, Flavour, Phase
from agent.erc4337.bundler_actions import LookUp, Raise, RetryAfter, SameBytes, Scope, Stop
from agent.erc4337.bundler_errors import BundlerAnswer, flavour_of, meaning_of
from agent.erc4337.bundler_fees import fees_told, raised_wei
from agent.erc4337.error_table import AA_CODES
from agent.erc4337.inner_errors import ERROR_SIGNATURES
from tests.unit.erc4337.error_corpus import Line, corpus, words

CORPUS = corpus()
FACTS = {line.fact.split()[0] for line in CORPUS}
TABLE_OF_CODES = [f"B{number:02}" for number in range(1, 19)]

answers = st.builds(
    BundlerAnswer,
    st.one_of(st.none(), st.sampled_from(sorted(RPC_CODES, key=str)), st.integers()),
    st.one_of(st.text(), st.sampled_from([line.answer.message for line in CORPUS])),
    st.one_of(
        st.none(),
        st.text(),
        st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=5),
        st.dictionaries(st.sampled_from(["data", "currentMaxFee", "currentMaxPriorityFee"]), st.text()),
    ),
    st.sampled_from(["", "alto", "rundler", "other"]),
)


@pytest.mark.parametrize("line", CORPUS, ids=str)
def test_real_answers_mean_what_the_facts_say(line: Line) -> None:
    meaning = meaning_of(line.answer, line.phase)

    assert (words(meaning.action), meaning.code) == (line.action, line.code)


def test_every_row_of_the_facts_has_a_line() -> None:
    selectors = {"0x" + selector.hex() for selector in ERROR_SIGNATURES}

    assert {*TABLE_OF_CODES, *AA_CODES, *selectors} - FACTS == set()
    assert len(CORPUS) >= 120


def test_every_row_of_the_tables_is_reached_by_a_line() -> None:
    coded = {row.code for row in (*SAID, *RPC_CODES.values())}

    assert coded - {line.code.split("_erc20")[0] for line in CORPUS} == set()


def test_every_code_of_the_tables_has_a_line() -> None:
    seen = {line.answer.rpc_code for line in CORPUS}

    assert {*RPC_CODES, *UNSURE} - seen == set()


def test_every_meaning_names_its_code_and_its_cause() -> None:
    meanings = [meaning_of(line.answer, line.phase) for line in CORPUS]

    assert all(meaning.code and meaning.reason for meaning in meanings)
    # Whoever is asked to act is told how.
    silent = [m for m in meanings if words(m.action).split()[0] in ("hold", "stop", "fail") and not m.remedy]
    assert [m for m in silent if "failedop" not in m.code] == []


@settings(max_examples=200, deadline=None)
@given(answers, st.sampled_from(Phase))
def test_any_answer_has_a_meaning(answer: BundlerAnswer, phase: Phase) -> None:
    meaning = meaning_of(answer, phase)

    assert meaning.code
    assert words(meaning.action)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(UNSURE, key=str)), st.text(), st.sampled_from([Phase.ESTIMATE, Phase.SEND]))
def test_an_answer_that_is_unsure_never_signs_anew(code: int | None, message: str, phase: Phase) -> None:
    assert isinstance(meaning_of(BundlerAnswer(code, message), phase).action, SameBytes)


@settings(max_examples=200, deadline=None)
@given(answers)
def test_a_lookup_decides_nothing_about_an_operation(answer: BundlerAnswer) -> None:
    action = meaning_of(answer, Phase.LOOKUP).action

    assert isinstance(action, (RetryAfter, SameBytes, LookUp)) or action == Stop(Scope.BUNDLER)


def test_the_words_of_a_refusal_are_kept() -> None:
    meaning = meaning_of(BundlerAnswer(-32500, "AA21 didn't pay prefund"), Phase.SEND)

    assert str(meaning) == (
        "the account cannot pay for gas: AA21 didn't pay prefund; "
        "send native currency to the account, or deposit for it in the EntryPoint"
    )


@pytest.mark.parametrize(
    ("host", "flavour"),
    [
        ("https://api.pimlico.io", Flavour.ALTO),
        ("https://eth-mainnet.g.alchemy.com", Flavour.RUNDLER),
        ("http://127.0.0.1:4337", None),
    ],
)
def test_a_host_tells_its_flavour(host: str, flavour: Flavour | None) -> None:
    assert flavour_of(host) == flavour


@pytest.mark.parametrize(
    ("fee_wei", "raised"), [(0, 0), (1, 2), (10, 11), (100, 110), (101, 112), (909, 1000)]
)
def test_a_raise_is_a_tenth_rounded_up(fee_wei: int, raised: int) -> None:
    assert raised_wei(Wei(fee_wei)) == raised
    assert raised * 100 >= fee_wei * 110


@settings(max_examples=200, deadline=None)
@given(st.text(), st.dictionaries(st.sampled_from(["currentMaxFee", "currentMaxPriorityFee"]), st.text()))
def test_told_fees_are_fees(message: str, data: dict[str, str]) -> None:
    told = fees_told(message, data)

    assert all(fee is None or 0 <= fee < 2**121 for fee in told)


def test_a_hostile_fee_is_not_one() -> None:
    answer = BundlerAnswer(-32602, "maxFeePerGas must be at least " + "9" * 39)

    assert meaning_of(answer, Phase.SEND).action == Raise()
