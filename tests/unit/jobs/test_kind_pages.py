"""Every job file in the guide pages of the kinds is one that the agent takes."""

import re
from pathlib import Path

import pytest

from agent.definitions.drafts import read_drafts
from agent.definitions.loader import load
from agent.domain.units import Address
from jobs import KINDS
from tests.unit.definitions.files import CONFIG, ENVIRONMENT, write_files

FOLDER = Path(__file__).parents[3] / "docs" / "kinds"
TOKENS = {"WETH": 18, "DAI": 18, "WBTC": 8, "USDT": 6}


def examples(page: Path) -> list[str]:
    found: list[str] = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    return [block for block in found if "\nkind: " in block]


EXAMPLES = [
    pytest.param(page.stem, block, id=f"{page.stem}-{number}")
    for page in sorted(FOLDER.glob("*.md"))
    if page.stem in KINDS
    for number, block in enumerate(examples(page))
]


def configuration() -> str:
    lines = [
        f'      {symbol}: {{address: "{Address(bytes([number] * 20))}", decimals: {decimals}}}\n'
        for number, (symbol, decimals) in enumerate(TOKENS.items(), 1)
    ]
    return CONFIG.replace("    tokens:\n", "    tokens:\n" + "".join(lines))


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_example_is_a_job_file(tmp_path: Path, kind: str, text: str) -> None:
    files = {"sessionkeeper.yaml": configuration(), "jobs/rent.yaml": None, "jobs/example.yaml": text}
    folder = write_files(tmp_path, {**files, "sessions/alice.yaml": None})
    definitions = load(folder, ENVIRONMENT, with_jobs=False)
    drafts = read_drafts(definitions, "example.yaml", "nexus")
    assert [job.kind for draft in drafts for job in draft.jobs] == [kind]


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"subscription"}))
def test_page_of_a_kind_has_an_example(kind: str) -> None:
    assert examples(FOLDER / f"{kind}.md")
