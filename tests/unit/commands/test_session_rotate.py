"""A successor: its name, its key, and what cannot be one."""

from pathlib import Path

import pytest

from agent.commands.session_edit import OtherSession, jobs_of, rewritten
from agent.commands.session_need import UnfitSession, Wish
from agent.commands.session_new import NewSession, Times, write_sessions
from agent.commands.session_rotate import SameKey, new_successor, successor_of
from agent.definitions.loader import load
from agent.definitions.mistakes import DefinitionError
from agent.definitions.records import Definitions
from agent.definitions.session_store import FileNotMarked, mark_session_file
from agent.domain.units import Hash32, Timestamp
from tests.unit.definitions.files import (
    CONFIG,
    ENDS,
    ENVIRONMENT,
    GOOD,
    PAYEE,
    USDC,
    a_session,
    write_files,
)

NOW = Timestamp(ENDS - 86_400)
KEYS = "".join(
    f'  {name}: {{address: "{address}", raw: keys/{name}.hex}}\n'
    for name, address in (("second", USDC), ("third", PAYEE))
)


def loaded(folder: Path) -> Definitions:
    return load(folder, ENVIRONMENT)


def successor(definitions: Definitions, old: str, key: str, name: str | None = None) -> NewSession:
    salt = Hash32(key.encode().ljust(32, b"\0"))
    times = Times(NOW, NOW)
    return new_successor(
        definitions, definitions.sessions[old], key, name, Wish(periods=2), times, lambda: salt
    )


def test_keys_follow_one_another_and_the_job_stays_the_same(tmp_path: Path) -> None:
    write_files(tmp_path, {"sessionkeeper.yaml": CONFIG + KEYS})
    before = loaded(tmp_path).jobs["rent"]
    write_sessions((successor(loaded(tmp_path), "alice", "second"),))
    write_sessions((successor(loaded(tmp_path), "alice-2", "third"),))

    found = loaded(tmp_path)
    heirs = {name: successor_of(found.sessions, name) for name in found.sessions}
    assert {name: heir and heir.name for name, heir in heirs.items()} == {
        "alice": "alice-2",
        "alice-2": "alice-3",
        "alice-3": None,
    }
    after = found.jobs["rent"]
    assert (after.identity_digest, after.digest) == (before.identity_digest, before.digest)


def test_the_same_key_is_no_successor(tmp_path: Path) -> None:
    write_files(tmp_path, {})
    with pytest.raises(SameKey):
        successor(loaded(tmp_path), "alice", "worker")


def test_a_session_without_jobs_cannot_be_derived_anew(tmp_path: Path) -> None:
    write_files(tmp_path, {"jobs/rent.yaml": None, "sessionkeeper.yaml": CONFIG + KEYS})
    with pytest.raises(UnfitSession):
        jobs_of(loaded(tmp_path), "alice")


def test_an_edit_to_another_permission_id_is_refused() -> None:
    with pytest.raises(OtherSession):
        rewritten(a_session(), a_session(name="bob").session, Times(NOW, NOW))


def test_a_file_that_takes_no_further_line_is_left_alone(tmp_path: Path) -> None:
    text = str(GOOD["sessions/alice.yaml"]) + "...\n"
    write_files(tmp_path, {"sessions/alice.yaml": text})
    file = tmp_path / "sessions" / "alice.yaml"
    with pytest.raises(FileNotMarked):
        mark_session_file(file, "revoked_at", NOW)
    assert file.read_text() == text


def test_a_job_of_a_session_just_revoked_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {})
    mark_session_file(tmp_path / "sessions" / "alice.yaml", "revoked_at", NOW)
    with pytest.raises(DefinitionError, match="session_revoked"):
        loaded(tmp_path)
