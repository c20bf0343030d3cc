"""Recorded facts: what the genuine contracts computed and answered."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TRACES = FOLDER / "traces.jsonl.gz"


@lru_cache(maxsize=4)
def vectors(name: str) -> dict[str, Any]:
    """Load one vector file by its stem."""
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return document
