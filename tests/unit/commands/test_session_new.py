"""A session made for a passkey obeys that passkey, and the files load with it."""

from pathlib import Path

from agent.commands.session_need import Wish
from agent.commands.session_new import Times, new_sessions, write_sessions
from agent.definitions.drafts import read_drafts
from agent.definitions.loader import load
from agent.definitions.session_validators import owner_of
from agent.domain.units import Hash32, Timestamp
from agent.smart_sessions.addresses import WEB_AUTHN_VALIDATOR
from tests.unit.definitions.files import CONFIG, ENDS, ENVIRONMENT, write_files
from tests.unit.definitions.test_session_owners import PASSKEY, POINT


def test_a_session_for_a_passkey_is_owned_by_it(tmp_path: Path) -> None:
    write_files(tmp_path, {"sessionkeeper.yaml": CONFIG + PASSKEY, "sessions/alice.yaml": None})
    definitions = load(tmp_path, ENVIRONMENT, with_jobs=False)
    drafts = read_drafts(definitions, "rent.yaml", "nexus")
    now = Timestamp(ENDS - 86_400)

    made = new_sessions(
        definitions, drafts, "phone", Wish(periods=2), Times(now, now), lambda: Hash32(bytes(32))
    )
    write_sessions(made)

    loaded = load(tmp_path, ENVIRONMENT).sessions["alice"]
    assert loaded.session.session_validator == WEB_AUTHN_VALIDATOR
    assert (loaded.keys, owner_of(loaded.session).keys) == (("phone",), (POINT.address,))
