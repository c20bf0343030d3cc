"""Replay sequences and count where a backend agrees with the record."""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.traces.backend import Backend, BackendFactory, Sequence, Step

SHOWN = 10


@dataclass
class Report:
    """Where backends agree with the record."""

    steps: int = 0
    skipped: int = 0
    """Steps of sequences that need a contract which is not there."""
    disagreements: dict[tuple[int, int], list[dict[str, Any]]] = field(default_factory=dict)
    """By sequence and step."""

    @property
    def agree(self) -> int:
        """Steps without any disagreement."""
        return self.steps - len(self.disagreements)

    @property
    def first_disagreements(self) -> list[dict[str, Any]]:
        """The first few, each with its place."""
        found = [
            {"id": sequence, "step": step, **difference}
            for (sequence, step), differences in self.disagreements.items()
            for difference in differences
        ]
        return found[:SHOWN]

    def also(self, other: "Report") -> "Report":
        """Join the report of another backend over the same steps: a step agrees when it does for both."""
        return Report(self.steps, self.skipped, self.disagreements | other.disagreements)

    def as_json(self) -> dict[str, Any]:
        """Return what the command prints."""
        return {name: getattr(self, name) for name in ("steps", "agree", "skipped", "first_disagreements")}


def sequences_in(path: Path) -> Iterator[Sequence]:
    """Read JSON lines, plain or gzipped."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def replay_all(sequences: Iterable[Sequence], factory: BackendFactory) -> Report:
    """Replay every sequence."""
    report = Report()
    for sequence in sequences:
        replay(sequence, factory(sequence), report)
    return report


def replay(sequence: Sequence, backend: Backend, report: Report) -> None:
    """Replay one sequence step by step."""
    for index, step in enumerate(sequence["steps"]):
        report.steps += 1
        found = [{"kind": step["kind"], **difference} for difference in differences(step, backend)]
        if found:
            report.disagreements[sequence["id"], index] = found


def differences(step: Step, backend: Backend) -> Iterator[dict[str, Any]]:
    """Apply a step and yield where result or views differ from the record."""
    # "halt" says how a call without revert data ended; no model of gas, no telling.
    expected = {name: value for name, value in step["result"].items() if name != "halt"}
    got = backend.apply(step)
    if got != expected:
        yield {"what": "result", "expected": expected, "got": got}
    for view in step["views"]:
        answer = backend.view(view)
        if not same_value(answer, view["value"]):
            what = {name: view[name] for name in ("policy", "view", "args")}
            yield {"what": what, "expected": view["value"], "got": answer}


def same_value(one: Any, other: Any) -> bool:  # noqa: ANN401 - JSON values
    """Compare JSON values; the case of hex digits says nothing."""
    return bool(_lower(one) == _lower(other))


def _lower(value: Any) -> Any:  # noqa: ANN401 - JSON values
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list):
        return [_lower(item) for item in value]
    if isinstance(value, dict):
        return {name: _lower(item) for name, item in value.items()}
    return value
