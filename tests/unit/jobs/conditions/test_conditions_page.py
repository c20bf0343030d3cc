"""The guide's examples are read as a job file is, and it names every condition, source and mistake."""

import re
from pathlib import Path

import pytest

from agent.definitions.source import Report
from agent.definitions.yaml_tree import parse_yaml
from jobs.conditions.fields import WhenFields
from jobs.conditions.price_fields import PriceFields
from tests.unit.jobs.conditions.views import ACCOUNT, CONTEXT

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "conditions.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_read(text: str) -> None:
    report = Report()
    document = parse_yaml("example", text, report)
    assert report.mistakes == []
    assert document is not None
    assert isinstance(document.root, dict)
    found = WhenFields.model_validate(document.root["when"], context=CONTEXT)
    assert found.condition(ACCOUNT).reads() or found.log_trigger(ACCOUNT) or found.block or found.time


def test_every_condition_has_an_example() -> None:
    names = {info.alias or name for name, info in WhenFields.model_fields.items()}
    assert {name for name in names if not any(re.search(rf"\b{name}:", text) for text in EXAMPLES)} == set()


def test_every_source_is_named() -> None:
    assert {name for name in PriceFields.model_fields if f"`{name}`" not in PAGE} == set()


def test_every_mistake_that_it_names_is_one() -> None:
    source = "".join(path.read_text() for path in (ROOT / "jobs" / "conditions").glob("*.py"))
    told = re.findall(
        r"`([a-z_]+)`", PAGE.split("## Mistakes")[1].split("|---|---|")[1].replace("`cron`, `every`", "")
    )
    codes = [code for code in told if "_" in code]
    assert codes
    assert [code for code in codes if f'"{code}"' not in source] == []
