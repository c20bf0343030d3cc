"""Real answers of bundlers, each with the fact it comes from and what it has to mean."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

from agent.erc4337.answer_table import Phase
from agent.erc4337.bundler_actions import (
    Action,
    Fail,
    Hold,
    LookUp,
    OtherBundler,
    Raise,
    Rebuild,
    RetryAfter,
    SameBytes,
    Stop,
)
from agent.erc4337.bundler_errors import BundlerAnswer

FOLDER = Path(__file__).parent / "corpus"


PLAIN = {LookUp: "look_up", OtherBundler: "other_bundler", Hold: "hold", Fail: "fail"}
"""The words of the actions that say it all by their name."""


@dataclass(frozen=True)
class Line:
    """One answer; `action` in the words of `words`."""

    fact: str
    answer: BundlerAnswer
    phase: Phase
    action: str
    code: str

    def __str__(self) -> str:
        return f"{self.fact} {self.answer.bundler} {self.phase}"


def words(action: Action) -> str:
    """Write an action as the corpus does."""
    match action:
        case RetryAfter(seconds):
            return f"retry_after {seconds}"
        case SameBytes(seconds):
            return f"same_bytes {seconds}"
        case Raise(max_fee, priority_fee):
            fees = {"max": max_fee, "priority": priority_fee}
            return " ".join(["raise", *(f"{name}={fee}" for name, fee in fees.items() if fee is not None)])
        case Rebuild(part):
            return f"rebuild {part}"
        case Stop(scope):
            return f"stop {scope}"
        case LookUp() | OtherBundler() | Hold() | Fail():
            return PLAIN[type(action)]
        case _:
            assert_never(action)


def corpus() -> list[Line]:
    """Read every line of every file."""
    paths = sorted(FOLDER.glob("*.jsonl"))
    return [_line(json.loads(text)) for path in paths for text in path.read_text().splitlines()]


def _line(item: dict[str, Any]) -> Line:
    answer = BundlerAnswer(item["code"], item["message"], item.get("data"), item["bundler"])
    return Line(item["fact"], answer, Phase(item["phase"]), item["action"], item["as"])
