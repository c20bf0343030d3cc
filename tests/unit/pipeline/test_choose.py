from dataclasses import dataclass

import pytest

from agent.pipeline.choose import preferred


@dataclass(frozen=True)
class Choice:
    name: str
    usable: bool = True


OLD, NEW, OTHER = Choice("old"), Choice("new"), Choice("other")
NOT_YET = Choice("new", usable=False)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([[OLD], [OTHER]], ["old", "other"]),
        ([[OLD, NEW], [OTHER]], ["new", "other"]),
        ([[OLD, NOT_YET]], ["old"]),
        ([[OLD, NEW], [NEW]], ["new"]),
        ([[Choice("old", usable=False), NOT_YET], [OTHER]], ["new", "old", "other"]),
    ],
)
def test_of_each_line_the_newest_usable_session_is_preferred(
    lines: list[list[Choice]], expected: list[str]
) -> None:
    assert [choice.name for choice in preferred(lines)] == expected
