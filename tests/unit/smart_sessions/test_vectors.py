"""Every entry about sessions that the genuine contracts computed."""

from typing import Any

import pytest
from coincurve import PrivateKey

from agent.domain.keccak import keccak256
from agent.domain.units import Address, ChainId, Hash32, bytes_from_hex
from agent.smart_sessions import fastlz, ids
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR
from agent.smart_sessions.digest import (
    DOMAIN_SEPARATOR,
    TYPEHASHES,
    ChainDigest,
    Mode,
    multichain_digest,
    permissions_hash,
    session_digest,
)
from agent.smart_sessions.encoding import decode_session, enable_sessions_call, encode_session
from agent.smart_sessions.session_json import session_from_json, session_to_json
from agent.smart_sessions.signature import (
    FLAVOURS,
    EnableSession,
    SignatureFlavour,
    enable_blob,
    enable_signature,
    signed_hash,
    use_signature,
)
from tests.vectors import vectors

VECTORS = vectors("smart_sessions")
KEY_SIGNATURE = VECTORS["session_signature"]
CHAIN = ChainId(VECTORS["chain_id"])

each_session = pytest.mark.parametrize("entry", VECTORS["sessions"], ids=lambda entry: entry["name"])


def digest_of(entry: dict[str, Any], mode: Mode) -> Hash32:
    return session_digest(
        session_from_json(entry["session"]),
        Address.parse(entry["account"]),
        Address.parse(entry["smart_session"]),
        entry["nonce"],
        mode,
    )


@each_session
def test_permission_id(entry: dict[str, Any]) -> None:
    assert str(ids.permission_id(session_from_json(entry["session"]))) == entry["permission_id"]


@each_session
def test_config_ids(entry: dict[str, Any]) -> None:
    account, permission = Address.parse(entry["account"]), Hash32.from_hex(entry["permission_id"])

    assert str(ids.user_op_config_id(account, permission)) == entry["config_id_userop"]
    assert str(ids.erc1271_config_id(account, permission)) == entry["config_id_erc1271"]
    for action in entry["actions"]:
        action_id = ids.action_id(Address.parse(action["target"]), bytes_from_hex(action["selector"]))
        assert str(action_id) == action["action_id"]
        assert str(ids.action_config_id(account, permission, action_id)) == action["config_id"]


def test_fallback_and_admin_action() -> None:
    fallback, admin = VECTORS["sessions"][1]["actions"]

    assert (str(ids.FALLBACK_ACTION), str(ids.ADMIN_ACTION)) == (fallback["action_id"], admin["action_id"])


@each_session
def test_session_digests(entry: dict[str, Any]) -> None:
    assert str(digest_of(entry, Mode.ENABLE)) == entry["digest_enable"]
    assert str(digest_of(entry, Mode.UNSAFE_ENABLE)) == entry["digest_unsafe_enable"]
    session = session_from_json(entry["session"])
    assert str(permissions_hash(session, Mode.ENABLE)) == entry["permissions_hash"]


@each_session
def test_multichain_digests(entry: dict[str, Any]) -> None:
    digest = digest_of(entry, Mode.ENABLE)

    here, elsewhere = ChainDigest(CHAIN, digest), ChainDigest(ChainId(1), Hash32(keccak256(b"other")))

    assert str(multichain_digest([here])) == entry["multichain_digest_single"]
    assert str(multichain_digest([elsewhere, here])) == entry["multichain_digest_two"]


def test_typehashes_and_domain_separator() -> None:
    assert {name: "0x" + value.hex() for name, value in TYPEHASHES.items()} == VECTORS["typehashes"]
    assert "0x" + DOMAIN_SEPARATOR.hex() == VECTORS["domain_separator"]


@each_session
def test_enable_sessions_call(entry: dict[str, Any]) -> None:
    call = enable_sessions_call([session_from_json(entry["session"])])

    assert "0x" + call.hex() == entry["enableSessions_calldata"]


@each_session
def test_session_comes_back_from_its_encoding(entry: dict[str, Any]) -> None:
    session = session_from_json(entry["session"])

    assert decode_session(encode_session(session)) == session
    assert session_from_json(session_to_json(session)) == session


@pytest.mark.parametrize("account", VECTORS["enable_signature"])
def test_enable_signatures(account: str) -> None:
    recorded = VECTORS["enable_signature"][account]
    blob = bytes_from_hex(recorded["abi_blob"])
    enable, inner = enable_of(recorded)

    assert enable_blob(enable, inner) == blob
    assert enable_signature(enable, inner, literal_only=True) == bytes_from_hex(recorded["literal_only"])
    assert fastlz.decompress(bytes_from_hex(recorded["flz"])[1:]) == blob
    assert fastlz.decompress(enable_signature(enable, inner)[1:]) == blob
    assert len(enable_signature(enable, inner)) <= len(bytes_from_hex(recorded["flz"])) * 1.1
    assert enable_signature(enable, inner, Mode.UNSAFE_ENABLE)[0] == 2


def enable_of(recorded: dict[str, Any]) -> tuple[EnableSession, bytes]:
    entry = VECTORS["sessions"][0]
    blob = bytes_from_hex(recorded["abi_blob"])
    start = int.from_bytes(blob[32:64], "big") + 32
    inner = blob[start : start + 65]
    here = ChainDigest(CHAIN, Hash32.from_hex(entry["digest_enable"]))
    enable = EnableSession(
        0,
        (here,),
        session_from_json(entry["session"]),
        bytes_from_hex(recorded["permission_enable_sig"]),
    )
    return enable, inner


def test_use_enables_nothing() -> None:
    enable, inner = enable_of(VECTORS["enable_signature"]["nexus"])

    with pytest.raises(ValueError, match="use_signature"):
        enable_signature(enable, inner, Mode.USE)


@pytest.mark.parametrize("entry", VECTORS["flz"], ids=lambda entry: entry["input"][:12])
def test_fastlz(entry: dict[str, str]) -> None:
    data = bytes_from_hex(entry["input"])

    assert fastlz.decompress(bytes_from_hex(entry["compressed"])) == data
    assert fastlz.compress_literal(data) == bytes_from_hex(entry["literal"])
    assert fastlz.decompress(fastlz.compress(data)) == data
    # solady.js, whose choice of matches ours is, ends a match one byte before the contract's compressor does.
    assert len(fastlz.compress(data)) <= len(bytes_from_hex(entry["compressed"])) + 1


def sign(digest: Hash32, *, shift: int = 27) -> bytes:
    key = PrivateKey(bytes_from_hex(KEY_SIGNATURE["session_private_key"]))
    signature = key.sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([signature[64] + shift])


def test_session_key_signatures_and_their_flavours() -> None:
    user_op_hash = Hash32.from_hex(KEY_SIGNATURE["userop_hash"])
    raw = sign(signed_hash(user_op_hash, SignatureFlavour.RAW))
    personal = signed_hash(user_op_hash, SignatureFlavour.PERSONAL)

    assert raw == bytes_from_hex(KEY_SIGNATURE["raw"])
    assert sign(personal) == bytes_from_hex(KEY_SIGNATURE["eth191_v27"])
    assert sign(personal, shift=31) == bytes_from_hex(KEY_SIGNATURE["eth191_v_plus_4"])
    assert FLAVOURS[OWNABLE_VALIDATOR] is SignatureFlavour.RAW


def test_use_signature() -> None:
    permission = Hash32.from_hex(VECTORS["sessions"][0]["permission_id"])

    assert use_signature(permission, bytes_from_hex(KEY_SIGNATURE["raw"])) == bytes_from_hex(
        KEY_SIGNATURE["use_mode"]
    )
