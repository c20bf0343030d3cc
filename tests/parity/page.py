"""Write docs/parity.md from what the SDKs export and what the mapping says: python -m tests.parity.page."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.parity import cases, cases_accounts, cases_rhinestone, cases_signing, cases_startale
from tests.parity.differences import differences
from tests.parity.exports import Entry, entries, live, live_types, mapping, others
from tests.parity.sdks import MODULE_SDK, RHINESTONE_PASSKEYS, RHINESTONE_SESSIONS, STARTALE, versions

PAGE = Path(__file__).resolve().parents[2] / "docs" / "parity.md"
MAKERS = (
    cases.MAKERS
    | cases_accounts.MAKERS
    | cases_signing.MAKERS
    | cases_startale.MAKERS
    | cases_rhinestone.MAKERS
)
_TRIES = 5
"""Some cases are asked by chance."""
_EMISSARY = "sessions of the emissary: used through a hosted orchestrator, not through a bundler"

_HEAD = """# Parity with the SDKs

What the SDKs of Rhinestone and Startale export for Smart Sessions, and what does the same here. This page is
written by `python -m tests.parity.page` from the packages as they are installed; a test fails where an export
is not in it. Python names can be imported from `agent.smart_sessions` unless they have a path, which starts
below `agent` ([examples](api.md)); commands are those of `sessionkeeper`.

“Same bytes” means that a test asks SDK and agent thousands of random questions and compares every byte.
"""

_BEYOND = """
Beyond the SDKs: a first use is signed in a length that does not depend on the signature, so that gas
estimated with a stub holds."""


def page() -> str:
    """Return the page."""
    return "\n".join(_lines()) + "\n"


def compared() -> frozenset[tuple[str, str]]:
    """Return module and name of every export that random questions are asked of."""
    random = Random(1)
    return frozenset(
        (case.question.sdk, case.question.name)
        for make in MAKERS
        for _ in range(_TRIES)
        for case in make(random)
    )


def _lines() -> Iterator[str]:
    yield _HEAD
    yield from _table(["package", "version"], ([f"`{name}`", text] for name, text in versions().items()))
    same = compared()
    for module, rows in _in_order(entries("session")):
        yield from ("", f"## `{module}`", "")
        yield from _table(_COLUMNS, (_row(name, rows[name], same, module) for name in sorted(rows)))
    yield from ("", "## Types", "", "The TypeScript types of sessions.", "")
    for module, rows in _in_order(entries("types")):
        header = [f"`{module}`", "Python", "command", "remark"]
        names = [name for name in live_types()[module] if name in rows]
        yield from (*_table(header, ([f"`{name}`", *_cells(rows[name])] for name in names)), "")
    yield from _differences()
    yield from _rest()


_COLUMNS = ["export", "Python", "command", "same bytes", "remark"]


def _row(name: str, entry: Entry, same: frozenset[tuple[str, str]], module: str) -> list[str]:
    python, command, remark = _cells(entry)
    # Startale's SDK passes on what module-sdk exports: the very same function.
    modules = {module, MODULE_SDK} if module == STARTALE and _is_passed_on(name) else {module}
    is_same = any((item, name) in same for item in modules)
    return [f"`{name}`", python, command, "yes" if is_same else "", remark]


def _is_passed_on(name: str) -> bool:
    return name in mapping()["session"][MODULE_SDK] and name not in mapping()["session"][STARTALE]


def _cells(entry: Entry) -> list[str]:
    why = entry.why.replace("emissary", _EMISSARY, 1) if entry.why.startswith("emissary") else entry.why
    python = f"`{entry.python.removeprefix('agent.')}`" if entry.python else ""
    return [python, f"`{entry.command}`" if entry.command else "", why]


def _differences() -> Iterator[str]:
    yield from (
        "## Where they differ",
        "",
        "Each is proved against the installed SDK by a test that fails when the SDK no longer differs.",
        "",
    )
    header = ["SDK", "export", "what it does", "here"]
    yield from _table(
        header,
        (
            [f"`{item.question.sdk}`", f"`{item.question.name}`", item.what, item.instead]
            for item in differences()
        ),
    )
    yield _BEYOND


def _rest() -> Iterator[str]:
    yield from ("", "## What is no session's", "")
    for group in others():
        names = ", ".join(f"`{name}`" for name in live()[group.module] if name in group.names)
        yield f"* `{group.module}`, {group.about}: {names}."
    for module, why in mapping()["unloadable"].items():
        yield f"* `{module}` does not load: {why}."


def _in_order(found: dict[str, dict[str, Entry]]) -> Iterator[tuple[str, dict[str, Entry]]]:
    first = (MODULE_SDK, STARTALE, RHINESTONE_SESSIONS, RHINESTONE_PASSKEYS)
    yield from sorted(
        found.items(),
        key=lambda item: (first.index(item[0]) if item[0] in first else len(first), item[0]),
    )


def _table(header: list[str], rows: Iterator[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |".replace("  ", " ")


if __name__ == "__main__":
    PAGE.write_text(page())
