"""Stamp what a long run found with what was run, so that another can run it again."""

import subprocess
from datetime import UTC, datetime
from typing import Any


def stamped(command: str, found: dict[str, Any]) -> dict[str, Any]:
    """Put date, commit, the tree of `agent` and command before the figures.

    The tree names the very code also where the commits were laid anew: `git rev-parse --short HEAD:agent`.
    """
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    return {"date": date, "commit": _id("HEAD"), "agent": _id("HEAD:agent"), "command": command, **found}


def _id(revision: str) -> str:
    git = ("git", "rev-parse", "--short", revision)
    return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
