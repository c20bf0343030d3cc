"""A session is granted with the bytes it was made with, whatever became of its file since."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.commands.enable_store import keep
from agent.commands.session_batch import AccountBatch
from agent.commands.session_edit import edit, jobs_of, rederived, rewritten, write_edit
from agent.commands.session_grant import GrantPlan
from agent.commands.session_need import Wish
from agent.commands.session_new import Times, new_sessions, write_sessions
from agent.commands.session_rotate import new_successor
from agent.definitions.drafts import read_drafts
from agent.definitions.loader import load
from agent.definitions.records import Definitions
from agent.definitions.session_store import mark_session_file
from agent.definitions.session_writer import session_file
from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Hash32, Timestamp, Wei
from agent.smart_sessions.digest import ChainDigest, Mode, session_digest
from agent.smart_sessions.enable_json import enable_grant_from_json, enable_grant_to_json
from agent.smart_sessions.enabling import EnableGrant
from agent.smart_sessions.encoding import decode_session, enable_sessions_call, encode_session
from agent.smart_sessions.policies import sudo, time_frame, usage_limit
from agent.smart_sessions.signature import first_use_signature
from agent.smart_sessions.signature_decoding import DecodedEnable, decode_signature, permission_in
from tests.unit.definitions.files import CONFIG, ENDS, ENVIRONMENT, KEY, USDC, a_session, write_files

NOW = Timestamp(ENDS - 86_400)
TIMES = Times(NOW, NOW)
SECOND_KEY = f"""\
  second: {{address: "{USDC}", raw: keys/second.hex}}
"""
USES = PolicyData(usage_limit.ADDRESS, (7).to_bytes(16, "big"))
FRAME = PolicyData(time_frame.ADDRESS, time_frame.encode(time_frame.TimeFrame(Timestamp(0), ENDS)))
ANYTHING = PolicyData(sudo.ADDRESS, b"")
OTHER = bytes.fromhex("095ea7b3")


def odd(name: str) -> Session:
    """Return a valid session that a tidy encoder would write otherwise."""
    plain = a_session().session
    transfer = plain.actions[0]
    return {
        "order": replace(plain, user_op_policies=(USES, FRAME)),
        "other order": replace(plain, user_op_policies=(FRAME, USES)),
        "trailing bytes": replace(
            plain,
            user_op_policies=(FRAME, replace(USES, init_data=USES.init_data + b"\x00\xff")),
        ),
        "policy twice": replace(
            plain, user_op_policies=(FRAME, replace(USES, init_data=bytes(15) + b"\x09"), USES)
        ),
        "action twice": replace(plain, actions=(transfer, transfer)),
        "actions turned": replace(plain, actions=(ActionData(OTHER, USDC, (ANYTHING,)), transfer)),
        "action without policies": replace(plain, actions=(transfer, ActionData(OTHER, USDC, ()))),
        "no policies on operations": replace(plain, user_op_policies=()),
        "paymaster": replace(plain, permit_erc4337_paymaster=True),
    }[name]


ODD = pytest.mark.parametrize(
    "name",
    [
        "order",
        "other order",
        "trailing bytes",
        "policy twice",
        "action twice",
        "actions turned",
        "action without policies",
        "no policies on operations",
        "paymaster",
    ],
)


def granted_bytes(definition: SessionDefinition) -> bytes:
    """Return what a grant of the session calls SmartSession with."""
    enable = Call(definition.smart_session, Wei(0), enable_sessions_call([definition.session]))
    plan = GrantPlan(definition, is_deployed=True, is_enabled=False, install=None, enable=enable)
    batch = AccountBatch(definition.chain_id, definition.account, (plan,))
    assert batch.calls == plan.calls == (enable,)
    return batch.calls[-1].data


def loaded(root: Path) -> Definitions:
    return load(root, ENVIRONMENT, with_jobs=False)


@ODD
def test_the_file_keeps_every_byte_of_an_odd_session(tmp_path: Path, name: str) -> None:
    session = odd(name)
    assert decode_session(encode_session(session)) == session
    write_files(tmp_path, {"sessions/alice.yaml": session_file(replace(a_session(), session=session))})
    assert granted_bytes(loaded(tmp_path).sessions["alice"]) == enable_sessions_call([session])


@ODD
def test_an_edit_writes_the_edited_session_byte_for_byte(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, {})
    old = (tmp_path / "sessions" / "alice.yaml").read_bytes()
    definitions = loaded(tmp_path)
    before = definitions.sessions["alice"]

    made = edit(definitions, before, rewritten(before, odd(name), TIMES))
    kept = write_edit(made)

    after = loaded(tmp_path).sessions["alice"]
    assert granted_bytes(after) == enable_sessions_call([odd(name)])
    assert (after.permission_id, after.made_at) == (before.permission_id, NOW)
    assert kept.read_bytes() == old


@ODD
def test_a_revoked_mark_leaves_every_other_byte(tmp_path: Path, name: str) -> None:
    text = session_file(replace(a_session(), session=odd(name)))
    write_files(tmp_path, {"sessions/alice.yaml": text})
    mark_session_file(tmp_path / "sessions" / "alice.yaml", "revoked_at", NOW, "it leaked\nbadly")
    assert (tmp_path / "sessions" / "alice.yaml").read_text() == (
        f"{text}revoked_at: {NOW}  # it leaked badly\n"
    )
    assert granted_bytes(loaded(tmp_path).sessions["alice"]) == enable_sessions_call([odd(name)])


def test_a_new_session_is_granted_as_it_was_derived(tmp_path: Path) -> None:
    write_files(tmp_path, {"sessions/alice.yaml": None})
    definitions = loaded(tmp_path)
    drafts = read_drafts(definitions, "rent.yaml", "nexus")
    (made,) = new_sessions(definitions, drafts, None, Wish(periods=2), TIMES, lambda: Hash32(bytes(32)))
    write_sessions((made,))
    derived = enable_sessions_call([made.definition.session])
    assert granted_bytes(loaded(tmp_path).sessions["alice"]) == derived


def test_a_rederived_session_keeps_validator_key_and_salt(tmp_path: Path) -> None:
    paying = replace(a_session().session, permit_erc4337_paymaster=True)
    write_files(tmp_path, {"sessions/alice.yaml": session_file(replace(a_session(), session=paying))})
    definitions = loaded(tmp_path)
    before = definitions.sessions["alice"]
    jobs = jobs_of(definitions, "alice").jobs
    write_edit(edit(definitions, before, rederived(definitions, before, jobs, Wish(periods=3), TIMES)))

    after = loaded(tmp_path).sessions["alice"]
    assert after.permission_id == before.permission_id
    assert after.session.permit_erc4337_paymaster
    assert after.session.actions != before.session.actions


def test_a_successor_is_granted_as_it_was_derived(tmp_path: Path) -> None:
    write_files(tmp_path, {"sessionkeeper.yaml": CONFIG + SECOND_KEY})
    definitions = loaded(tmp_path)
    old = definitions.sessions["alice"]
    made = new_successor(
        definitions, old, "second", None, Wish(periods=2), TIMES, lambda: Hash32(bytes(31) + b"\x01")
    )
    write_sessions((made,))

    successor = load(tmp_path, ENVIRONMENT).sessions["alice-2"]
    assert (successor.succeeds, successor.key) == ("alice", "second")
    assert granted_bytes(successor) == enable_sessions_call([made.definition.session])
    assert KEY.hex() not in successor.session.session_validator_init_data.hex()


def test_a_second_edit_keeps_both_older_files(tmp_path: Path) -> None:
    write_files(tmp_path, {})
    for name in ("order", "other order"):
        definitions = loaded(tmp_path)
        before = definitions.sessions["alice"]
        write_edit(edit(definitions, before, rewritten(before, odd(name), TIMES)))
    kept = sorted(path.name for path in (tmp_path / "sessions" / "history").iterdir())
    assert kept == ["alice.1.yaml", "alice.2.yaml"]
    assert list(loaded(tmp_path).sessions) == ["alice"]


@ODD
def test_a_signed_grant_carries_the_session_byte_for_byte(tmp_path: Path, name: str) -> None:
    session = odd(name)
    write_files(tmp_path, {"sessions/alice.yaml": session_file(replace(a_session(), session=session))})
    known = loaded(tmp_path).sessions["alice"]
    digest = session_digest(session, known.account, known.smart_session, 3, Mode.ENABLE)
    grant = EnableGrant(Mode.ENABLE, 3, 0, (ChainDigest(known.chain_id, digest),), b"signed")
    keep(tmp_path, known, enable_grant_from_json(enable_grant_to_json(grant)))

    definition = loaded(tmp_path).sessions["alice"]
    assert definition.enable is not None
    signature = first_use_signature(definition.enable.enable(definition.session), bytes(65))
    decoded = decode_signature(signature)
    assert isinstance(decoded, DecodedEnable)
    assert encode_session(decoded.enable.session_to_enable) == encode_session(session)
    assert permission_in(signature) == definition.permission_id
