"""What the files say about a payment that does not land, of a job or of its chain."""

from pathlib import Path

import pytest

from agent.definitions.digests import terms_text
from agent.domain.job import RAISE_AFTER_S, FeeCaps, GiveUp
from agent.domain.schedule import CatchUp, Retry
from agent.domain.units import ChainId
from agent.erc4337.bundler_actions import SENDER_CAP
from tests.unit.definitions.files import JOB, edited, load_files, mistakes_in

CHAIN_FEES = 'fees: {max_fee_per_gas: "50 gwei", max_cost: "0.01 ether"'


def chain_fees(more: str) -> dict[str, str]:
    return edited("sessionkeeper.yaml", CHAIN_FEES, f"{CHAIN_FEES}, {more}")


def job_fees(fees: str) -> dict[str, str]:
    return {"jobs/rent.yaml": f"{JOB}fees: {{{fees}}}\n"}


def caps(root: Path, files: dict[str, str]) -> FeeCaps:
    return load_files(root, files).jobs["rent"].fees


def test_where_no_file_says_anything_it_waits_a_minute_and_is_never_cancelled(tmp_path: Path) -> None:
    found = caps(tmp_path, {})

    assert (found.patience_s, found.give_up) == (RAISE_AFTER_S, None)


def test_a_job_s_own_word_stands_before_its_chain_s(tmp_path: Path) -> None:
    chain = chain_fees("raise_after: 5m, give_up: cancel")

    of_chain = caps(tmp_path / "chain", chain)
    of_job = caps(tmp_path / "job", chain | job_fees("raise_after: 30s, give_up: wait"))

    assert (of_chain.patience_s, of_chain.give_up) == (300, GiveUp.CANCEL)
    assert (of_job.patience_s, of_job.give_up) == (30, GiveUp.WAIT)
    assert of_job.max_cost_wei == 10**16


@pytest.mark.parametrize(
    ("fees", "code"),
    [
        ("raise_after: 9s", "raised_too_soon"),
        ("give_up: never", "not_one_of"),
        ("raise_at: 1m", "unknown_key"),
    ],
)
def test_a_mistake_is_told_at_its_line(tmp_path: Path, fees: str, code: str) -> None:
    (mistake,) = mistakes_in(tmp_path, job_fees(fees))

    assert mistake.code == code
    assert mistake.place.line == JOB.count("\n") + 1


def test_an_account_has_the_places_that_its_chain_says(tmp_path: Path) -> None:
    chain = ChainId(31_337)
    few = edited("sessionkeeper.yaml", "  - id: 31337\n", "  - id: 31337\n    sender_cap: 2\n")
    none = edited("sessionkeeper.yaml", "  - id: 31337\n", "  - id: 31337\n    sender_cap: 0\n")

    assert load_files(tmp_path / "default").chains[chain].sender_cap == SENDER_CAP
    assert load_files(tmp_path / "few", few).chains[chain].sender_cap == 2
    assert [mistake.code for mistake in mistakes_in(tmp_path / "none", none)] == ["no_turns"]


def test_terms_that_a_file_does_not_name_leave_its_digest_as_it_was() -> None:
    text = terms_text(None, FeeCaps(), Retry(), CatchUp.NONE)
    named = terms_text(None, FeeCaps(give_up=GiveUp.CANCEL), Retry(), CatchUp.NONE)

    caps_alone = {"max_fee_per_gas_wei", "max_priority_fee_per_gas_wei", "max_cost_wei", "max_gas"}
    assert text["fees"] == dict.fromkeys(caps_alone, "None")
    assert named["fees"] == dict.fromkeys(caps_alone, "None") | {"give_up": "cancel"}
