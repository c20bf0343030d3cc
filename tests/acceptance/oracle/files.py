"""What the operator's files promise: who pays whom how much, and when."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Job:
    """One promise; addresses are lower case, amounts base units."""

    id: str
    account: str
    token: str | None
    payee: str
    amount: int
    schedule: Mapping[str, str]

    @property
    def promise(self) -> tuple[str | None, str, int]:
        """What each payment must be."""
        return self.token, self.payee, self.amount


def read_jobs(folder: Path) -> tuple[Job, ...]:
    """Return the jobs of a configuration folder."""
    tokens = _tokens(_yaml(folder / "sessionkeeper.yaml"))
    return tuple(job for file in sorted((folder / "jobs").glob("*.yaml")) for job in _jobs(file, tokens))


def store_file(folder: Path) -> Path:
    """Return the journal's file."""
    url = str(_yaml(folder / "sessionkeeper.yaml").get("store", "sqlite:///state/journal.db"))
    return folder / url.removeprefix("sqlite:///")


def _yaml(file: Path) -> dict[str, Any]:
    document = yaml.load(file.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - makes strings alone
    assert isinstance(document, dict)
    return document


def _tokens(config: Mapping[str, Any]) -> dict[str, tuple[str | None, int]]:
    named = {
        symbol: (token["address"].lower(), int(token["decimals"]))
        for chain in config["chains"]
        for symbol, token in chain.get("tokens", {}).items()
    }
    return {"ether": (None, 18), "gwei": (None, 9), "wei": (None, 0), **named}


def _jobs(file: Path, tokens: Mapping[str, tuple[str | None, int]]) -> Iterator[Job]:
    form = _yaml(file)
    if "rows" not in form:
        yield _job(form["id"], {**form, **form["spec"]}, tokens)
        return
    with (file.parent / form["rows"]).open(newline="") as rows:
        for row in csv.DictReader(rows):
            yield _job(f"{form['id']}-{row['id']}", {**form, **form["spec"], **row}, tokens)


def _job(name: str, form: Mapping[str, Any], tokens: Mapping[str, tuple[str | None, int]]) -> Job:
    number, symbol = form["amount"].split()
    token, decimals = tokens[symbol]
    with localcontext(prec=80):
        units = Decimal(number).scaleb(decimals)
    return Job(name, form["account"].lower(), token, form["payee"].lower(), int(units), form["schedule"])
