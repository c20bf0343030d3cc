import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.replay_traces import main
from tests.traces.checked_backend import CheckedBackend
from tests.traces.replay import Report, replay_all, sequences_in
from tests.vectors import TRACES


@pytest.mark.slow
def test_model_answers_every_recorded_call_as_the_contracts_did_and_speed_changes_no_verdict() -> None:
    seen: Counter[str] = Counter()

    report = replay_all(sequences_in(TRACES), lambda sequence: CheckedBackend(sequence, seen))

    assert report == Report(steps=24_540, skipped=0)
    assert seen["different"] == 0
    assert seen["same"] > 18_000
    assert seen["cleared at speed"] > 0.9 * seen["cleared"]


def test_command_prints_the_report_and_fails_on_a_disagreement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sequence = first_short_sequence()
    path = tmp_path / "traces.jsonl"

    path.write_text(json.dumps(sequence) + "\n")
    assert main([str(path)]) == 0
    steps = len(sequence["steps"])
    assert json.loads(capsys.readouterr().out) == {
        "steps": steps,
        "agree": steps,
        "skipped": 0,
        "first_disagreements": [],
    }

    sequence["steps"][1]["result"] = {"ok": True}
    path.write_text(json.dumps(sequence))
    assert main([str(path)]) == 1
    shown = json.loads(capsys.readouterr().out)["first_disagreements"]
    assert (shown[0]["id"], shown[0]["step"], shown[0]["expected"]) == (sequence["id"], 1, {"ok": True})


def first_short_sequence() -> dict[str, Any]:
    return next(sequence for sequence in sequences_in(TRACES) if len(sequence["steps"]) < 6)
