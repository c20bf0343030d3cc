"""Sessions inside the calldata of a transaction: enabled by a call, at installation, or by a signature.

A transaction is other people's data. What is found here is a candidate, to be compared with the chain.
"""

from collections.abc import Iterator
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from agent.domain.session import Session
from agent.domain.units import Address
from agent.erc4337.calldata import HANDLE_OPS, HANDLE_OPS_V06, PACKED_TUPLE, TUPLE_V06
from agent.smart_sessions.encoding import ENABLE_SESSIONS, SESSION_TYPE, session_from_tuple
from agent.smart_sessions.signature_decoding import DecodedEnable, decode_signature

MAX_CALLDATA = 1 << 20
_OFFSET = (32).to_bytes(32, "big")
# `enableSessions(Session[])`, and a mode byte with `abi.encode(Session[])` as SmartSession is installed with.
_LISTS = (ENABLE_SESSIONS + _OFFSET, b"\x01" + _OFFSET, b"\x02" + _OFFSET)
_OPERATIONS = {HANDLE_OPS: PACKED_TUPLE, HANDLE_OPS_V06: TUPLE_V06}


def sessions_in(calldata: bytes, account: Address) -> tuple[Session, ...]:
    """Return every session that the account may have been granted by this, in the order of the bytes."""
    if len(calldata) > MAX_CALLDATA:
        return ()
    operations = list(_operations(calldata))
    if not operations:
        return tuple(dict.fromkeys(_listed(calldata)))
    # Whatever else is in a bundle belongs to others.
    own = [op for op in operations if bytes.fromhex(op[0][2:]) == account]
    found = [
        session for op in own for session in (*_listed(op[3]), *_listed(op[2]), *_from_signature(op[-1]))
    ]
    return tuple(dict.fromkeys(found))


def _listed(data: bytes) -> Iterator[Session]:
    for mark in _LISTS:
        for start in _places(data, mark):
            found = _decoded(f"{SESSION_TYPE}[]", data[start + len(mark) - len(_OFFSET) :])
            yield from (session_from_tuple(fields) for fields in found)


def _operations(calldata: bytes) -> Iterator[tuple[Any, ...]]:
    for selector, form in _OPERATIONS.items():
        for start in _places(calldata, selector):
            yield from _decoded(f"{form}[]", calldata[start + len(selector) :])


def _from_signature(signature: bytes) -> Iterator[Session]:
    try:
        found = decode_signature(signature)
    except ValueError:
        return
    if isinstance(found, DecodedEnable):
        yield found.enable.session_to_enable


def _places(data: bytes, mark: bytes) -> Iterator[int]:
    start = data.find(mark)
    while start >= 0:
        yield start
        start = data.find(mark, start + 1)


def _decoded(form: str, data: bytes) -> tuple[Any, ...]:
    try:
        (found,) = decode([form], data)
    except (DecodingError, ValueError, OverflowError):
        return ()
    return tuple(found)
