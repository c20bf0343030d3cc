"""What the three SDKs export, read from the installed packages, and what the mapping file says of it."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.parity.sdks import (
    MODULE_SDK,
    PACKAGES,
    RHINESTONE_SESSIONS,
    STARTALE,
    Failed,
    exports_of,
    folder,
    install,
)

MAPPING = Path(__file__).parent / "exports.toml"
TYPE_FILES = {
    MODULE_SDK: f"{MODULE_SDK}/_types/module/smart-sessions/types.d.ts",
    RHINESTONE_SESSIONS: "@rhinestone/sdk/dist/src/modules/validators/smart-sessions.d.ts",
    STARTALE: f"{STARTALE}/dist/_types/modules/validators/smartSessionsValidator/Types.d.ts",
}
"""Where each SDK declares the types of its sessions."""
_DECLARED = re.compile(r"^export (?:type|interface) (\w+)", re.MULTILINE)
_LISTED = re.compile(r"^export type \{([^}]*)\}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """What one export is to the agent: a Python name, a command, or why there is neither."""

    python: str = ""
    command: str = ""
    why: str = ""

    @property
    def path(self) -> str:
        """The Python name in full."""
        return self.python if self.python.startswith("agent.") else f"agent.smart_sessions.{self.python}"


@dataclass(frozen=True, slots=True)
class Group:
    """Exports of one subject that are no session's."""

    module: str
    about: str
    names: frozenset[str]


@cache
def mapping() -> Mapping[str, Any]:
    """Return the mapping file as it is."""
    return tomllib.loads(MAPPING.read_text())


def entries(kind: str) -> dict[str, dict[str, Entry]]:
    """Return the entries of `session` or `types`, by module and name.

    What Startale's SDK passes on from module-sdk under the same name is what it is there.
    """
    found = {
        module: {name: Entry(**row) for name, row in rows.items()} for module, rows in mapping()[kind].items()
    }
    if kind == "session":
        passed_on = found[MODULE_SDK].keys() & set(live()[STARTALE])
        found[STARTALE] = {name: found[MODULE_SDK][name] for name in passed_on} | found[STARTALE]
    return found


def others() -> Iterator[Group]:
    """Yield the groups of the rest."""
    for row in mapping()["other"]:
        yield Group(row["module"], row["about"], frozenset(row["names"].split()))


@cache
def live() -> dict[str, list[str]]:
    """Return every name that each entry point of the installed packages exports.

    Entry points of module-sdk below its root repeat names of the root; those count once.
    """
    root, *modules = sorted(_entry_points())
    answers = exports_of([root, *modules])
    loaded = {module: names for module, names in answers.items() if not isinstance(names, Failed)}
    at_the_root = set(loaded[MODULE_SDK])
    return {
        module: sorted(set(names) - at_the_root) if module.startswith(f"{MODULE_SDK}/") else names
        for module, names in loaded.items()
    }


def unloadable() -> set[str]:
    """Return the entry points that cannot be loaded."""
    return set(_entry_points()) - set(live())


@cache
def live_types() -> dict[str, list[str]]:
    """Return the types that each SDK declares for its sessions and its root exports."""
    install()
    return {module: _types(file) for module, file in TYPE_FILES.items()}


def _types(file: str) -> list[str]:
    text = (folder() / "node_modules" / file).read_text()
    names = set(_DECLARED.findall(text))
    for listed in _LISTED.findall(text):
        names |= {name.strip() for name in listed.split(",") if name.strip()}
    return sorted(names)


def _entry_points() -> Iterator[str]:
    install()
    for package in PACKAGES:
        manifest = json.loads((folder() / "node_modules" / package / "package.json").read_text())
        for point in manifest["exports"]:
            # Rhinestone's ./dist/… are the same files under their paths.
            if point != "./package.json" and not point.startswith("./dist/"):
                yield package + point[1:]
