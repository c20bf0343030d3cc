"""What the operator's files promise: who pays whom how much, and when."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import yaml
from eth_abi.abi import decode

USAGE_LIMIT = "0x00000000001d4479fa2a947026204d0283cede4b"
SPENDING_LIMIT = "0x000000000033212e272655d8a22402db819477a6"


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


@dataclass(frozen=True)
class Caps:
    """What an operation of the one chain may cost."""

    max_fee_per_gas_wei: int
    max_cost_wei: int


@dataclass(frozen=True)
class Limits:
    """What a session grants in all."""

    uses: int
    tokens: Mapping[str, int]


def read_caps(folder: Path) -> Caps:
    """Return the fee caps of the configuration's one chain."""
    (chain,) = _yaml(folder / "sessionkeeper.yaml")["chains"]
    return Caps(_wei(chain["fees"]["max_fee_per_gas"]), _wei(chain["fees"]["max_cost"]))


def read_limits(folder: Path) -> dict[str, Limits]:
    """Return the limits of every session by permission id, read from their policies' own bytes."""
    found = (_yaml(file) for file in sorted((folder / "sessions").glob("*.yaml")))
    return {form["permission_id"].lower(): _limits(form["session"]) for form in found}


def _limits(session: Mapping[str, Any]) -> Limits:
    actions = [policy for action in session["actions"] for policy in action["actionPolicies"]]
    uses = [_data(item) for item in session["userOpPolicies"] if _is(item, USAGE_LIMIT)]
    spending = [_data(item) for item in actions if _is(item, SPENDING_LIMIT)]
    tokens = {
        token: amount
        for data in spending
        for token, amount in zip(*decode(["address[]", "uint256[]"], data), strict=True)
    }
    return Limits(min((int.from_bytes(data, "big") for data in uses), default=2**256), tokens)


def _is(policy: Mapping[str, str], address: str) -> bool:
    return policy["policy"].lower() == address


def _data(policy: Mapping[str, str]) -> bytes:
    return bytes.fromhex(policy["initData"].removeprefix("0x"))


def _wei(text: str) -> int:
    number, unit = text.split()
    with localcontext(prec=80):
        return int(Decimal(number).scaleb({"wei": 0, "gwei": 9, "ether": 18}[unit]))


def store_of(folder: Path) -> Path | str:
    """Return the journal's file, or its URL where it is on a server."""
    url = str(_yaml(folder / "sessionkeeper.yaml").get("store", "sqlite:///state/journal.db"))
    return folder / url.removeprefix("sqlite:///") if url.startswith("sqlite:") else url


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
