import json
from pathlib import Path
from typing import Any

import pytest

from tests.replay_traces import main
from tests.traces.model_backend import ModelBackend
from tests.traces.replay import Report, replay_all, sequences_in
from tests.vectors import TRACES


@pytest.mark.slow
def test_model_answers_every_recorded_call_as_the_contracts_did() -> None:
    report = replay_all(sequences_in(TRACES), ModelBackend)

    assert report == Report(steps=24_540, skipped=0)


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
