"""The page about reliability names tests, records and faults that exist."""

import re

import pytest

from tests.deploy.repository import ROOT
from tests.simulation.catalogue import FAULTS

PAGE = (ROOT / "docs" / "reliability.md").read_text()
TESTS = sorted(set(re.findall(r"(tests/[\w/]+\.py)::(\w+)", PAGE)))
RECORDS = sorted(set(re.findall(r"tests/[\w/]+/records/\w+\.json", PAGE)))
NOT_CONCERNED = {"F18", "F19", "F20", "P07"}
"""Nothing of it exists here: no money state in Redis, no callbacks."""
CATALOGUE = [*(f"F{number:02}" for number in range(1, 41)), *(f"P{number:02}" for number in range(1, 8))]


@pytest.mark.parametrize(("file", "test"), TESTS)
def test_a_test_that_the_page_names_exists(file: str, test: str) -> None:
    assert re.search(rf"^ *(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_that_the_page_names_is_kept(record: str) -> None:
    assert (ROOT / record).is_file()


@pytest.mark.parametrize("code", CATALOGUE)
def test_each_row_of_the_catalogue_has_its_row(code: str) -> None:
    assert re.search(rf"^\| [^|]*\b{code}\b", PAGE, re.MULTILINE)


@pytest.mark.parametrize("code", CATALOGUE)
def test_each_row_says_by_what_it_is_shown(code: str) -> None:
    row = re.search(rf"^\| [^|]*\b{code}\b.*$", PAGE, re.MULTILINE)
    assert row is not None
    assert ("::test_" in row[0] or "test_crash" in row[0]) != (code in NOT_CONCERNED), row[0]


def test_what_the_simulation_draws_says_so() -> None:
    for code in FAULTS:
        row = re.search(rf"^\| [^|]*\b{code}\b.*$", PAGE, re.MULTILINE)
        assert row is None or "simulation" in row[0], f"{code} is simulated, and its row does not say so"
