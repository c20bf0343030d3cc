"""Sessions found in the bytes of a transaction, wherever they stand, and nobody else's."""

from dataclasses import replace

import pytest

from agent.domain.call import Call
from agent.domain.session import ERC7739Context, ERC7739Data, Session
from agent.domain.units import Address, ChainId, Hash32, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.calldata import handle_ops_call
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.digest import ChainDigest, Mode
from agent.smart_sessions.encoding import ENABLE_SESSIONS, enable_sessions_call, install_data
from agent.smart_sessions.granting_calldata import MAX_CALLDATA, sessions_in
from agent.smart_sessions.signature import EnableSession, enable_signature
from tests.unit.smart_sessions.grants import (
    ACCOUNT,
    OTHER,
    PAYEE,
    SPENDING,
    SUDO,
    TIME,
    USES,
    a_grant,
    an_action,
    an_operation,
)

SESSION = replace(
    a_grant(an_action(SPENDING), on_operations=[TIME]).session,
    erc7739_policies=ERC7739Data((ERC7739Context(Hash32(bytes(32)), ("Permit",)),), (SUDO,)),
)
SECOND = a_grant(an_action(USES)).session


def bundle(*ops: UserOperation, version: EntryPointVersion = EntryPointVersion.V07) -> bytes:
    return handle_ops_call(ops, PAYEE, version)


def calling(data: bytes, *, sender: Address = ACCOUNT) -> UserOperation:
    calls = [Call(PAYEE, Wei(1), b"\1\2\3"), Call(SMART_SESSION, Wei(0), data)]
    return replace(an_operation(), sender=sender, call_data=encode_execute(calls))


def signing(session: Session, mode: Mode = Mode.ENABLE, *, sender: Address = ACCOUNT) -> UserOperation:
    digests = (ChainDigest(ChainId(1), Hash32(bytes(32))),)
    signature = enable_signature(EnableSession(0, digests, session, bytes(85)), bytes(65), mode)
    return replace(an_operation(), sender=sender, signature=signature)


@pytest.mark.parametrize("version", list(EntryPointVersion))
def test_a_bundle_enables_by_call_and_by_signature(version: EntryPointVersion) -> None:
    data = bundle(calling(enable_sessions_call([SESSION])), signing(SECOND), version=version)
    assert sessions_in(data, ACCOUNT) == (SESSION, SECOND)


@pytest.mark.parametrize("mode", [Mode.ENABLE, Mode.UNSAFE_ENABLE])
def test_both_modes_of_a_signature_are_read(mode: Mode) -> None:
    assert sessions_in(bundle(signing(SESSION, mode)), ACCOUNT) == (SESSION,)


def test_sessions_at_installation_are_found() -> None:
    assert sessions_in(bundle(calling(b"\1\2\3\4" + install_data([SESSION, SECOND]))), ACCOUNT) == (
        SESSION,
        SECOND,
    )


def test_a_call_through_any_other_contract_is_found() -> None:
    assert sessions_in(b"\xaa" * 7 + enable_sessions_call([SESSION, SECOND]) + b"\xbb" * 5, ACCOUNT) == (
        SESSION,
        SECOND,
    )
    assert sessions_in(b"\xaa" * 9 + bundle(signing(SESSION)), ACCOUNT) == (SESSION,)


def test_what_other_accounts_are_granted_in_the_same_bundle_is_left_alone() -> None:
    others = (calling(enable_sessions_call([SECOND]), sender=OTHER), signing(SECOND, sender=OTHER))
    assert sessions_in(bundle(*others, calling(enable_sessions_call([SESSION]))), ACCOUNT) == (SESSION,)
    assert sessions_in(bundle(*others), ACCOUNT) == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ENABLE_SESSIONS,
        enable_sessions_call([SESSION])[:-700],
        ENABLE_SESSIONS + (32).to_bytes(32, "big") + b"\xff" * 32 + bytes(500),
        bundle(replace(an_operation(), signature=b"\x01" + b"\xff" * 40)),
        bundle(signing(SESSION))[:900],
        bytes(MAX_CALLDATA) + enable_sessions_call([SESSION]),
    ],
)
def test_what_does_not_decode_is_no_session(data: bytes) -> None:
    assert sessions_in(data, ACCOUNT) == ()
