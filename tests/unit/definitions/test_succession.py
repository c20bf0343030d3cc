from dataclasses import replace
from pathlib import Path

import pytest

from agent.definitions.session_writer import session_file
from agent.definitions.sessions import SessionDefinition
from agent.definitions.succession import in_use, lines_of, root
from agent.domain.units import Address, Timestamp
from tests.unit.definitions.files import a_session, edited, load_files, mistakes_in

GONE = Timestamp(1_790_000_000)


def a_line(*names: str) -> dict[str, SessionDefinition | None]:
    """Return sessions each of which succeeds the one before."""
    before = (None, *names)
    return {
        name: replace(a_session(name=name), succeeds=old) for old, name in zip(before, names, strict=False)
    }


def files_of(*sessions: SessionDefinition) -> dict[str, str]:
    return {f"sessions/{item.name}.yaml": session_file(item) for item in sessions}


def test_a_line_is_told_from_any_of_its_sessions() -> None:
    sessions = a_line("alice", "second", "third")
    assert {root(name, sessions) for name in sessions} == {"alice"}
    lines = lines_of(sessions, sessions)
    assert [item.name for item in lines["alice"]] == ["alice", "second", "third"]
    assert [item.name for item in lines["second"]] == ["second", "third"]


def test_a_root_that_is_no_more_keeps_its_name() -> None:
    sessions = a_line("alice", "second")
    del sessions["alice"]
    assert root("second", sessions) == "alice"


def test_a_revoked_session_is_out_of_use_and_its_successor_is_not() -> None:
    sessions = a_line("alice", "second")
    sessions["alice"] = replace(a_session(), revoked_at=GONE)
    assert [item.name for item in in_use(sessions, ["alice"])["alice"]] == ["second"]


def test_a_job_of_a_revoked_session_is_refused(tmp_path: Path) -> None:
    (mistake,) = mistakes_in(tmp_path, files_of(replace(a_session(), revoked_at=GONE)))
    assert (mistake.code, mistake.place.file) == ("session_revoked", "jobs/rent.yaml")


def test_a_job_of_a_revoked_session_with_a_successor_is_taken(tmp_path: Path) -> None:
    revoked = replace(a_session(), revoked_at=GONE)
    successor = replace(a_session(name="second"), succeeds="alice")
    assert set(load_files(tmp_path, files_of(revoked, successor)).jobs) == {"rent"}


def test_a_revoked_session_needs_no_key(tmp_path: Path) -> None:
    revoked = replace(a_session(name="old"), revoked_at=GONE, key="lost")
    assert load_files(tmp_path, files_of(revoked)).sessions["old"].revoked_at == GONE


@pytest.mark.parametrize(
    ("others", "code"),
    [
        ((replace(a_session(name="second"), succeeds="alise"),), "unknown_predecessor"),
        (
            (
                replace(a_session(name="second"), succeeds="alice"),
                replace(a_session(name="third"), succeeds="alice"),
            ),
            "two_successors",
        ),
        ((replace(a_session(name="second"), succeeds="second"),), "succession_circle"),
        (
            (replace(a_session(name="second", account=Address(b"\x07" * 20)), succeeds="alice"),),
            "foreign_predecessor",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_succession_that_cannot_be_is_refused(
    tmp_path: Path, others: tuple[SessionDefinition, ...], code: str
) -> None:
    assert [mistake.code for mistake in mistakes_in(tmp_path, files_of(*others))] == [code]


def test_a_circle_of_two_is_refused(tmp_path: Path) -> None:
    circle = (
        replace(a_session(name="second"), succeeds="third"),
        replace(a_session(name="third"), succeeds="second"),
    )
    found = {mistake.code for mistake in mistakes_in(tmp_path, files_of(*circle))}
    assert found == {"succession_circle"}


def test_the_words_of_a_revoked_field_are_numbers(tmp_path: Path) -> None:
    text = edited("sessions/alice.yaml", "session:\n", "revoked_at: yesterday\nsession:\n")
    assert mistakes_in(tmp_path, text)[0].place.file == "sessions/alice.yaml"
