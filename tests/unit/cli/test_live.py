"""Lines that change in place leave the messages above them alone."""

import re

import pytest

from agent.cli.live import LiveLines

ROWS = [("an ether", "2000.00 USDC"), ("stop", "waits")]


def on_screen(written: str) -> list[str]:
    """Return the lines a terminal shows after it was sent this."""
    lines = [""]
    for part in re.split(r"(\x1b\[\d+F|\x1b\[J)", written):
        moved = re.fullmatch(r"\x1b\[(\d+)F", part)
        if moved:
            lines = [*lines[: -1 - int(moved[1])], ""]
        elif part != "\x1b[J":
            first, *rest = part.split("\n")
            lines = [*lines[:-1], lines[-1] + first, *rest]
    return lines[:-1]


def test_messages_stay_and_the_newest_rows_are_below_them(capsys: pytest.CaptureFixture[str]) -> None:
    live = LiveLines()
    live.tell("first")
    live.show(ROWS)
    live.tell("second")
    live.show([("an ether", "1414.00 USDC"), ("stop", "waits")])
    seen = on_screen(capsys.readouterr().err)
    assert seen[:2] == ["first", "second"]
    assert set(seen[2]) == {"-"}
    assert seen[3:] == ["an ether  1414.00 USDC", "stop      waits"]


def test_rows_that_did_not_change_are_not_drawn_again(capsys: pytest.CaptureFixture[str]) -> None:
    live = LiveLines()
    live.show(ROWS)
    capsys.readouterr()
    live.show(list(ROWS))
    assert capsys.readouterr().err == ""


def test_a_long_row_takes_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    live = LiveLines()
    live.show([("stop", "x" * 100)])
    assert [len(line) for line in on_screen(capsys.readouterr().err)] == [39, 39]


def test_without_rows_there_are_only_messages(capsys: pytest.CaptureFixture[str]) -> None:
    LiveLines().tell("a message")
    assert capsys.readouterr().err == "a message\n"
