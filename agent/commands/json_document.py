"""Read a JSON object that a person or a tool wrote, strictly."""

import json
from typing import Any, NoReturn

from agent.domain.errors import ConfigError


class DocumentError(ConfigError):
    """A JSON file is not what it should be."""

    code = "malformed_document"

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source


def json_object(text: str, source: str) -> dict[str, Any]:
    """Return the object in `text`; raise DocumentError for anything else, repeated keys included."""
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise DocumentError(source, "is nested too deeply") from error
    except ValueError as error:
        raise DocumentError(source, f"is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise DocumentError(source, f"holds {type(document).__name__}, expected an object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        # json.loads keeps the last of two: the other reader of the file may keep the first.
        if key in found:
            raise ValueError(f"key {key!r} is there twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
