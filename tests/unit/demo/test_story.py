"""What the demo promises, and that it says so when the chain shows something else."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.demo.calendar import coming_months
from agent.demo.commands import DemoFailed
from agent.demo.files import AMOUNT, FolderTaken, fresh_folder
from agent.demo.story import check
from agent.demo.witness import Payment
from agent.domain.units import Timestamp

MONTHS = coming_months(Timestamp(1_764_000_000))


def a_payment(month: str, amount: int = AMOUNT) -> Payment:
    return Payment(month, "0x" + month.encode().hex(), amount, 1)


def test_periods_are_the_first_of_the_next_three_months_in_berlin() -> None:
    due = [datetime.fromtimestamp(month.due_at, ZoneInfo("Europe/Berlin")) for month in MONTHS]
    assert [month.name for month in MONTHS] == ["2025-12", "2026-01", "2026-02"]
    assert [(at.day, at.hour, at.minute) for at in due] == [(1, 9, 0)] * 3


def test_promised_payments_pass(tmp_path: Path) -> None:
    check([a_payment(month.name) for month in MONTHS], MONTHS, tmp_path / "worker.log")


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(["2025-12", "2026-01"], id="missing"),
        pytest.param(["2025-12", "2026-01", "2026-01", "2026-02"], id="doubled"),
        pytest.param(["2025-12", "2026-01", "2026-03"], id="other month"),
    ],
)
def test_missing_or_doubled_payment_fails_with_the_log_s_end(tmp_path: Path, shown: list[str]) -> None:
    log_file = tmp_path / "worker.log"
    log_file.write_text("the last words")
    with pytest.raises(DemoFailed, match="the last words"):
        check([a_payment(month) for month in shown], MONTHS, log_file)


def test_other_amount_fails(tmp_path: Path) -> None:
    (tmp_path / "worker.log").touch()
    shown = [a_payment(month.name, AMOUNT - 1) for month in MONTHS]
    with pytest.raises(DemoFailed, match="promised was"):
        check(shown, MONTHS, tmp_path / "worker.log")


def test_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(FolderTaken):
        fresh_folder(tmp_path, tmp_path)


def test_fresh_folders_never_coincide(tmp_path: Path) -> None:
    assert fresh_folder(None, tmp_path).path != fresh_folder(None, tmp_path).path
