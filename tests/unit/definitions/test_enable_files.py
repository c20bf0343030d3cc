"""An enable signature beside its session's file."""

import json
from pathlib import Path

import pytest

from agent.commands.enable_store import keep, set_aside
from agent.definitions.enable_files import enable_file
from agent.definitions.sessions import SessionDefinition
from agent.domain.units import Address, ChainId, Hash32
from agent.smart_sessions.digest import ChainDigest, Mode, session_digest
from agent.smart_sessions.enable_json import enable_grant_to_json
from agent.smart_sessions.enabling import EnableGrant
from tests.unit.definitions.files import a_session, load_files, mistakes_in

NAME = enable_file("alice")
OTHER = Address(b"\x0c" * 20)


def signed(session: SessionDefinition, chain_id: int = 31337) -> EnableGrant:
    digest = session_digest(session.session, session.account, session.smart_session, 2, Mode.ENABLE)
    digests = (ChainDigest(ChainId(1), Hash32(bytes(32))), ChainDigest(ChainId(chain_id), digest))
    return EnableGrant(Mode.ENABLE, 2, 1, digests, b"\x33" * 85)


def mistakes(root: Path, text: str, mode: int = 0o600) -> list[tuple[str, str]]:
    file = root / NAME
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return [(mistake.code, mistake.place.file) for mistake in mistakes_in(root, {})]


def test_signature_that_was_kept_is_read_for_its_session(tmp_path: Path) -> None:
    session = load_files(tmp_path).sessions["alice"]
    path = keep(tmp_path, session, signed(session))
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_files(tmp_path).sessions["alice"].enable == signed(session)


@pytest.mark.parametrize("other", [a_session(account=OTHER), a_session(name="bob")], ids=["account", "salt"])
def test_signature_for_another_session_is_refused(tmp_path: Path, other: SessionDefinition) -> None:
    assert mistakes(tmp_path, json.dumps(enable_grant_to_json(signed(other)))) == [("enable_file", NAME)]


def test_signature_for_another_chain_is_refused(tmp_path: Path) -> None:
    foreign = json.dumps(enable_grant_to_json(signed(a_session(), chain_id=10)))
    assert mistakes(tmp_path, foreign) == [("enable_file", NAME)]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"mode": "enable"}'])
def test_what_is_no_signature_is_refused(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text) == [("enable_file", NAME)]


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"a":' * 100_000, "NaN", '{"mode": 1e999}'], ids=["list", "object", "nan", "inf"]
)
def test_file_that_chokes_a_reader_is_refused(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text) == [("enable_file", NAME)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nonce", "-1"),
        ("nonce", str(2**256)),
        ("nonce", "1_0"),
        ("nonce", True),
        ("chain_digest_index", 1.9),
        ("chain_digest_index", 2**80),
        ("permission_enable_signature", "0x"),
        ("after_removal", 1),
        ("hashes_and_chain_ids", [{"chain_id": -5, "session_digest": "0x" + "11" * 32}]),
        ("hashes_and_chain_ids", [{"chain_id": 2**64, "session_digest": "0x" + "11" * 32}]),
    ],
)
def test_value_that_no_signature_has_is_refused(tmp_path: Path, field: str, value: object) -> None:
    form = enable_grant_to_json(signed(a_session())) | {field: value}
    assert mistakes(tmp_path, json.dumps(form)) == [("enable_file", NAME)]


def test_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    good = json.dumps(enable_grant_to_json(signed(a_session())))
    assert mistakes(tmp_path, good, 0o640) == [("enable_file_open", NAME)]


def test_signature_of_a_changed_session_goes_into_the_history(tmp_path: Path) -> None:
    session = load_files(tmp_path).sessions["alice"]
    keep(tmp_path, session, signed(session))
    kept = set_aside(tmp_path, load_files(tmp_path).sessions["alice"])
    assert kept is not None
    assert kept.stat().st_mode & 0o777 == 0o600
    assert load_files(tmp_path).sessions["alice"].enable is None
    assert set_aside(tmp_path, session) is None
