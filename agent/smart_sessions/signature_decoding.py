"""The signature field of an operation read back: which session it uses or enables, and who signed what."""

from dataclasses import dataclass

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from agent.domain.units import ChainId, Hash32
from agent.smart_sessions import fastlz
from agent.smart_sessions.digest import ChainDigest, Mode
from agent.smart_sessions.encoding import SESSION_TYPE, session_from_tuple
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.signature import EnableSession

_USE_HEAD = 33
_ENABLE_SESSION_TYPE = f"(uint8,(uint64,bytes32)[],{SESSION_TYPE},bytes)"


@dataclass(frozen=True, slots=True)
class DecodedUse:
    """The field in mode USE: the session is enabled."""

    permission_id: Hash32
    inner: bytes
    """The session key's own signature, as its validator wants it."""


@dataclass(frozen=True, slots=True)
class DecodedEnable:
    """The field in mode ENABLE or UNSAFE_ENABLE: the operation enables the session it uses."""

    mode: Mode
    enable: EnableSession
    inner: bytes
    """The session key's own signature, as its validator wants it."""


def decode_signature(signature: bytes) -> DecodedUse | DecodedEnable:
    """Read the `signature` field of an operation under SmartSession.

    Raise ValueError for a mode byte above 2, a field that is too short, or a payload that does not decode.
    """
    if not signature or signature[0] > Mode.UNSAFE_ENABLE:
        raise ValueError(f"mode {signature[:1].hex() or 'missing'} is none of Smart Sessions: 00, 01 or 02")
    mode = Mode(signature[0])
    if mode is Mode.USE:
        if len(signature) < _USE_HEAD:
            raise ValueError(f"{len(signature)} bytes in mode USE, at least {_USE_HEAD} are needed")
        return DecodedUse(Hash32(signature[1:_USE_HEAD]), signature[_USE_HEAD:])
    return DecodedEnable(mode, *_payload(fastlz.decompress(signature[1:])))


def permission_in(signature: bytes) -> Hash32:
    """Return the permission id of the session it uses or enables; raise ValueError for an unreadable one."""
    match decode_signature(signature):
        case DecodedUse(permission, _):
            return permission
        case DecodedEnable(_, enable, _):
            return permission_id(enable.session_to_enable)


def _payload(blob: bytes) -> tuple[EnableSession, bytes]:
    try:
        (index, digests, session, owner_signature), inner = decode([_ENABLE_SESSION_TYPE, "bytes"], blob)
    except (DecodingError, OverflowError) as error:
        raise ValueError("the payload holds no session to enable") from error
    chain_digests = tuple(ChainDigest(ChainId(chain), Hash32(digest)) for chain, digest in digests)
    return EnableSession(index, chain_digests, session_from_tuple(session), owner_signature), inner
