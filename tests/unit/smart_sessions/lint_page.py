"""The table of docs/lint.md: `python -m tests.unit.smart_sessions.lint_page` writes it to stdout."""

import sys
from collections.abc import Iterator
from dataclasses import replace

from agent.domain.units import Address
from agent.smart_sessions.lint import RULES, Finding, Subject
from agent.smart_sessions.lint.subject import OnChain
from tests.unit.smart_sessions.lint_cases import ACCOUNT, CASES, FURTHER, OTHER, PAYEE, ROUTER, TOKEN

COLUMNS = ("Rule", "What it looks for", "Level", "Asks", "An example of what it finds", "What to do")
NAMES = {
    TOKEN: "USDC",
    ROUTER: "the router",
    PAYEE: "the payee",
    OTHER: "another token",
    ACCOUNT: "the account",
}


def lint_table() -> str:
    """Return a line for each rule."""
    rows = (COLUMNS, ("---",) * len(COLUMNS), *_rows())
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows() -> Iterator[tuple[str, ...]]:
    for rule, check in RULES.items():
        what = (check.__doc__ or "").split(": ", 1)[1].rstrip(".")
        found = [finding for subject in _subjects(rule) for finding in check(subject)]
        levels = " or ".join(sorted({item.level.value for item in found}))
        example = _example(rule)
        chain = "chain" if _asks_chain(rule) else "file"
        yield rule, what, levels, chain, example.sentence, example.remedy


def _subjects(rule: str) -> list[Subject]:
    return [CASES[rule].bad, *(subject for name, _, subject in FURTHER if name == rule)]


def _example(rule: str) -> Finding:
    subject = replace(CASES[rule].bad, name_of=_name, amount=_amount)
    found = RULES[rule](subject)
    return next(item for item in found if item.level.value == CASES[rule].level)


def _name(token: Address | None) -> str:
    return "the chain's coin" if token is None else NAMES.get(token, str(token))


def _amount(units: int, token: Address | None) -> str:
    return f"{units} {'wei' if token is None else _name(token)}"


def _asks_chain(rule: str) -> bool:
    return any(subject.on_chain not in (None, OnChain()) for subject in _subjects(rule))


if __name__ == "__main__":
    sys.stdout.write(lint_table())
