"""Read a JSON object that a person or a tool wrote, strictly."""

import json
import re
from typing import Any, NoReturn

from agent.domain.errors import ConfigError

MAX_DEPTH = 32
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{}\]]', re.DOTALL)


class DocumentError(ConfigError):
    """A JSON file is not what it should be."""

    code = "malformed_document"

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source


def json_object(text: str, source: str) -> dict[str, Any]:
    """Return the object in `text`; raise DocumentError for anything else, repeated keys included."""
    # Counted before parsing: the decoder recurses, and the recursion limit may have been raised.
    if _depth(text) > MAX_DEPTH:
        raise DocumentError(source, f"is nested deeper than {MAX_DEPTH} levels")
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except ValueError as error:
        raise DocumentError(source, f"is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise DocumentError(source, f"holds {type(document).__name__}, expected an object")
    return document


def _depth(text: str) -> int:
    """Return how deep brackets are nested, those inside strings aside."""
    deepest = depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        if token[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in "]}":
            depth -= 1
    return deepest


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
