from pathlib import Path

import pytest

from tests.unit.definitions.files import mistakes_in
from tests.unit.definitions.sixty import MISTAKES, SNAPSHOT, rendered


def test_every_mistake_is_told_as_the_snapshot_says() -> None:
    assert SNAPSHOT.read_text("utf-8") == rendered()


def test_the_table_holds_at_least_sixty() -> None:
    assert len(MISTAKES) >= 60


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_has_place_code_and_fix(name: str, tmp_path: Path) -> None:
    found = mistakes_in(tmp_path, MISTAKES[name])
    assert found
    for mistake in found:
        assert mistake.code.isidentifier()
        assert mistake.code == mistake.code.lower()
        assert mistake.place.line >= 1
        assert mistake.place.column >= 1
        assert mistake.message
        assert mistake.fix
