import re
from pathlib import Path

from agent.cli.exit_codes import ExitCode
from agent.telemetry.limit_gauges import LimitLabels
from agent.telemetry.metrics import Metrics

PAGE = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()


def test_page_lists_every_exit_code() -> None:
    listed = {name: int(code) for code, name in re.findall(r"^\| (\d+) \| (\w+) \|", PAGE, re.MULTILINE)}

    assert listed == {code.name.lower(): int(code) for code in ExitCode}


def test_page_lists_every_metric_with_its_labels() -> None:
    metrics = Metrics("0.1.0", "live")
    metrics.limit_observed(LimitLabels("s", "p", "l", "u"), limit=1, used=0, reserved=0)
    described = re.findall(r"^# TYPE (\S+) (\S+)$", metrics.render().decode(), re.MULTILINE)
    served = {name for name, _ in described if not name.endswith("_created")}

    assert set(re.findall(r"^\| `(sessionkeeper_\w+)`", PAGE, re.MULTILINE)) == served
