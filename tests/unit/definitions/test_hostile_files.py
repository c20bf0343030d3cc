from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.definitions.files import ACCOUNT, GOOD, JOB, mistakes_in

ODD = st.sampled_from(
    [
        "\t",
        "\n",
        " ",
        ":",
        "- ",
        "? ",
        "|",
        ">",
        "{",
        "}",
        "[",
        "]",
        "&a",
        "*a",
        "!!int",
        "%",
        "@",
        "`",
        "#",
        '"',
        "'",
        "~",
        "null",
        "0x1",
        "1e400",
        "9" * 5_000,
        "${A}",
        "é",
        "\u202e",
        "\0",
        "---\n",
        "<<: ",
        ",,",
    ]
)


@given(st.sampled_from(sorted(GOOD)), st.floats(0, 1), st.integers(0, 30), ODD)
def test_a_damaged_file_loads_or_is_refused_with_a_place(name: str, where: float, cut: int, odd: str) -> None:
    text = GOOD[name]
    assert isinstance(text, str)
    position = int(where * len(text))
    with TemporaryDirectory() as folder:
        for mistake in mistakes_in(Path(folder), {name: text[:position] + odd + text[position + cut :]}):
            assert mistake.code
            assert mistake.fix


@given(st.binary(max_size=200))
def test_any_bytes_load_or_are_refused(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        assert mistakes_in(Path(folder), {"jobs/rent.yaml": data})


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
@given(text=st.text(st.sampled_from('id,account"{}[]:\\n\n 0x12'), max_size=80))
def test_any_rows_load_or_are_refused(name: str, text: str) -> None:
    template = JOB.replace(f'account: "{ACCOUNT}"', f"rows: {name}")
    with TemporaryDirectory() as folder:
        for mistake in mistakes_in(Path(folder), {"jobs/rent.yaml": template, f"jobs/{name}": text}):
            assert mistake.place.line >= 1


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sessions" / "other.yaml"
    folder.mkdir(parents=True)
    assert [(item.code, item.place.file) for item in mistakes_in(tmp_path, {})] == [
        ("not_a_file", "sessions/other.yaml")
    ]


def test_a_link_that_points_to_itself_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "sessions" / "other.yaml"
    link.parent.mkdir(parents=True)
    link.symlink_to(link.name)
    assert [(item.code, item.place.file) for item in mistakes_in(tmp_path, {})] == [
        ("file_unreadable", "sessions/other.yaml")
    ]
