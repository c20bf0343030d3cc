import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest
import yaml

from agent.definitions.loader import load
from agent.definitions.schemas import schemas

CONFIG = Path(__file__).parents[3] / "config"
FILES = [
    ("sessionkeeper", "sessionkeeper.yaml"),
    ("job-subscription", "jobs/newsletter.yaml"),
    ("job-subscription", "jobs/members.yaml"),
    ("session", "sessions/newsletter.yaml"),
    ("session", "sessions/anna.yaml"),
    *((f"job-{path.stem}", f"examples/{path.name}") for path in sorted((CONFIG / "examples").glob("*.yaml"))),
]


class TextsAndNumbers(yaml.SafeLoader):
    """YAML as an editor reads it, but for dates."""


TextsAndNumbers.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith("timestamp")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def objects(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)


def test_the_example_configuration_is_right() -> None:
    definitions = load(CONFIG, {})
    with (CONFIG / "jobs/members.csv").open() as file:
        members = {f"members-{row['id']}" for row in csv.DictReader(file)}
    assert set(definitions.jobs) == {"newsletter"} | members


@pytest.mark.parametrize(("name", "file"), FILES)
def test_the_example_files_fit_their_schemas(name: str, file: str) -> None:
    document = yaml.load((CONFIG / file).read_text(), Loader=TextsAndNumbers)  # noqa: S506 - a safe loader
    validator = jsonschema.Draft202012Validator(schemas()[name])
    assert [error.message for error in validator.iter_errors(document)] == []


@pytest.mark.parametrize("name", ["sessionkeeper", "session", "job-subscription"])
def test_every_field_has_a_description(name: str) -> None:
    missing = [
        f"{schema.get('title')}.{field}"
        for schema in objects(schemas()[name])
        for field, facts in schema["properties"].items()
        if not facts.get("description")
    ]
    assert missing == []


@pytest.mark.parametrize("name", ["sessionkeeper", "session", "job-subscription"])
def test_schemas_are_valid_json_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas()[name])
