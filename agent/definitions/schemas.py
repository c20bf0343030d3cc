"""JSON Schemas of the files, for editors and for checks outside the agent."""

from collections.abc import Mapping
from typing import Any

from pydantic import create_model

from agent.definitions.config import ConfigFields
from agent.definitions.job_file import JobFields
from agent.definitions.kinds import available_kinds
from agent.definitions.sessions import SessionFields
from jobs.kind import AnyKind

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas(kinds: Mapping[str, AnyKind] | None = None) -> Mapping[str, Mapping[str, Any]]:
    """Return the schemas by name: `sessionkeeper`, `session`, and `job-KIND` for each kind."""
    found = {"sessionkeeper": ConfigFields.model_json_schema(), "session": SessionFields.model_json_schema()}
    for name, kind in (available_kinds() if kinds is None else kinds).items():
        found[f"job-{name}"] = _job_schema(kind)
    return {name: {"$schema": _DIALECT, **schema} for name, schema in found.items()}


def _job_schema(kind: AnyKind) -> dict[str, Any]:
    spec = (kind.spec_model, JobFields.model_fields["spec"])
    model = create_model("Job", __base__=JobFields, spec=spec)
    schema = model.model_json_schema()
    # A template's rows may give any of these.
    schema["required"] = ["id", "kind", "chain"]
    for definition in schema["$defs"].values():
        if definition.get("title") == kind.spec_model.__name__:
            definition.pop("required", None)
    return schema
