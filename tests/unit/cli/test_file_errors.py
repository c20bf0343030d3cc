"""A file that cannot be used is the operator's to mend, not a mistake in the agent."""

from pathlib import Path

import pytest

from agent.cli.exit_codes import ExitCode
from agent.cli.file_errors import in_words
from tests.acceptance.command import inside


def test_full_disk_is_told_in_the_systems_words() -> None:
    with pytest.raises(OSError, match="No space") as caught:
        Path("/dev/full").write_text("more than there is room for")
    assert str(in_words(caught.value)) == "No space left on device"


def test_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("")
    with pytest.raises(NotADirectoryError) as caught:
        (tmp_path / "history" / "rent.1.yaml").read_text()
    assert str(in_words(caught.value)) == f"{tmp_path}/history/rent.1.yaml: Not a directory"


@pytest.mark.parametrize(
    "error", [ConnectionResetError(104, "reset"), ValueError("x"), OSError("x")], ids=repr
)
def test_what_is_of_no_file_stays_what_it_is(error: Exception) -> None:
    assert in_words(error) is error


def test_command_that_cannot_write_leaves_with_three(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.touch(0o600)
    password.write_text("correct horse battery staple")
    (tmp_path / "keys").write_text("not a folder")
    words = ("keys", "new", "--name", "worker", "--password-file", password, "--directory", tmp_path / "keys")
    answer = inside(*words, "--light")
    assert (answer.code, "internal" in answer.err) == (ExitCode.CONFIG, False)
    assert str(tmp_path / "keys") in answer.err
