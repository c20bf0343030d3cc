"""What is told of a mistake in the file of a loan, and where."""

from pathlib import Path

import pytest

from agent.definitions.drafts import read_drafts
from agent.definitions.loader import load
from agent.definitions.mistakes import DefinitionError
from tests.unit.definitions.files import ENVIRONMENT, write_files
from tests.unit.jobs.test_kind_pages import FOLDER, configuration, examples

AAVE, _, MORPHO, COMET = examples(FOLDER / "loan_repay.md")


def mistakes_in(folder: Path, text: str) -> list[tuple[str, str]]:
    """Return code and line of each mistake."""
    files = {"sessionkeeper.yaml": configuration(), "jobs/rent.yaml": None, "jobs/example.yaml": text}
    root = write_files(folder, {**files, "sessions/alice.yaml": None})
    definitions = load(root, ENVIRONMENT, with_jobs=False)
    try:
        read_drafts(definitions, "example.yaml", "nexus")
    except DefinitionError as error:
        lines = text.splitlines()
        return [(item.code, lines[item.place.line - 1].strip()) for item in error.mistakes]
    return []


@pytest.mark.parametrize(
    ("example", "wrong", "code", "line"),
    [
        (AAVE, {"1.10": "0.9"}, "refused_by_kind", 'trigger: "0.9"'),
        (AAVE, {"1.30": "1.05"}, "refused_by_kind", 'target: "1.05"'),
        (AAVE, {"1.10": "1,10"}, "bad_ratio", 'trigger: "1,10"'),
        (AAVE, {"using: wallet": "using: purse"}, "not_one_of", "using: purse"),
        (AAVE, {"5000 USDC": "5 ether"}, "not_a_token", 'max_per_action: "5 ether"'),
        (AAVE, {"10000 USDC": "1 WETH"}, "refused_by_kind", 'max_per_day: "1 WETH"'),
        (MORPHO, {"USDC": "WETH"}, "refused_by_kind", 'max_per_action: "5000 WETH"'),
        (MORPHO, {"  trigger": "  using: atokens\n  trigger"}, "refused_by_kind", "using: atokens"),
        (AAVE, {"    aave_v3:": "    aave:"}, "unknown_key", "aave:"),
        (AAVE, {"fees:": "schedule: {cron: '0 9 * * *'}\nfees:"}, "schedule_not_for_kind", "schedule: {cron"),
    ],
)
def test_a_mistake_is_told_where_it_is(
    tmp_path: Path, example: str, wrong: dict[str, str], code: str, line: str
) -> None:
    text = example
    for old, new in wrong.items():
        assert old in text
        text = text.replace(old, new)
    found = mistakes_in(tmp_path, text)
    assert any(name == code and told.startswith(line) for name, told in found), found


def test_a_loan_without_a_listed_collateral_is_refused(tmp_path: Path) -> None:
    start, end = COMET.index("collaterals:"), COMET.index("  trigger")
    text = COMET[:start] + "collaterals: []\n" + COMET[end:]
    assert mistakes_in(tmp_path, text) == [("refused_by_kind", 'max_per_action: "5000 USDC"')]
