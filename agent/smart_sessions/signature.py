"""The signature field of an operation under a session, and the flavours of the key's own signature."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from eth_abi.abi import encode

from agent.domain.keccak import keccak256
from agent.domain.session import Session
from agent.domain.units import Address, Hash32
from agent.smart_sessions import fastlz
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, OWNABLE_VALIDATOR_BETA, OWNABLE_VALIDATOR_V0
from agent.smart_sessions.digest import ChainDigest, Mode
from agent.smart_sessions.encoding import SESSION_TYPE, session_tuple

_ENABLE_SESSION_TYPE = f"(uint8,(uint64,bytes32)[],{SESSION_TYPE},bytes)"
MAX_OWNERS = 7
INNER_OFFSET = 33
"""Of the owner's own part of a USE signature: behind the mode byte and the permission id."""
_PERSONAL_PREFIX = b"\x19Ethereum Signed Message:\n32"


class SignatureFlavour(StrEnum):
    """What a session key signs for an operation hash."""

    RAW = "raw"
    """The hash itself, v 27 or 28."""
    PERSONAL = "personal"
    """The hash with the personal-message prefix (ERC-191), v 27 or 28."""


FLAVOURS = {
    OWNABLE_VALIDATOR: SignatureFlavour.RAW,
    OWNABLE_VALIDATOR_BETA: SignatureFlavour.PERSONAL,
    OWNABLE_VALIDATOR_V0: SignatureFlavour.PERSONAL,
}
"""By the session validator's address: no byte string satisfies both."""


@dataclass(frozen=True, slots=True)
class EnableSession:
    """The first value of an enable signature."""

    chain_digest_index: int
    hashes_and_chain_ids: tuple[ChainDigest, ...]
    session_to_enable: Session
    permission_enable_signature: bytes = field(repr=False)
    """The owner's, as the account takes it; whoever has it may enable the session until it is used."""


def use_signature(permission_id: bytes, inner: bytes) -> bytes:
    """Return the signature field (ERC-4337) of an operation under an enabled session.

    SmartSession reads 0x00 ‖ permission id ‖ `inner`, which is the key's own signature.
    """
    return b"\x00" + permission_id + inner


def enable_signature(
    enable: EnableSession, inner: bytes, mode: Mode = Mode.ENABLE, *, literal_only: bool = False
) -> bytes:
    """Return the signature field (ERC-4337) that enables the session and uses it, as SmartSession reads it.

    The mode byte, then FastLZ(abi.encode(EnableSession, `inner`)). Raise ValueError for mode USE.
    """
    blob = enable_blob(enable, inner)
    return _head(mode) + (fastlz.compress_literal(blob) if literal_only else fastlz.compress(blob))


def first_use_signature(enable: EnableSession, inner: bytes, mode: Mode = Mode.ENABLE) -> bytes:
    """Return what SmartSession inflates to the same as `enable_signature`; raise ValueError for mode USE.

    Its length in bytes depends on the length of `inner` alone: what was estimated with a stub then holds for
    the real signature.
    """
    blob = enable_blob(enable, inner)
    end = len(blob) - len(inner) - (-len(inner) % 32)
    return _head(mode) + fastlz.compress(blob[:end]) + fastlz.compress_literal(blob[end:])


def mode_of(signature: bytes) -> Mode:
    """Return the mode of a signature field; raise ValueError for none that exists."""
    if not signature:
        raise ValueError("an empty signature has no mode")
    return Mode(signature[0])


def enable_blob(enable: EnableSession, inner: bytes) -> bytes:
    """Return abi.encode(EnableSession, bytes), the payload before compression."""
    digests = [(item.chain_id, item.session_digest) for item in enable.hashes_and_chain_ids]
    fields = (
        enable.chain_digest_index,
        digests,
        session_tuple(enable.session_to_enable),
        enable.permission_enable_signature,
    )
    return encode([_ENABLE_SESSION_TYPE, "bytes"], [fields, inner])


def _head(mode: Mode) -> bytes:
    if mode is Mode.USE:
        raise ValueError("mode USE enables nothing: take use_signature")
    return bytes([mode])


def signed_hash(user_op_hash: Hash32, flavour: SignatureFlavour) -> Hash32:
    """Return the 32 bytes that the session key signs, in the flavour of its OwnableValidator."""
    if flavour is SignatureFlavour.RAW:
        return user_op_hash
    return Hash32(keccak256(_PERSONAL_PREFIX + user_op_hash))


def owners_init_data(threshold: int, owners: Sequence[Address]) -> bytes:
    """Encode the owners of an OwnableValidator; raise ValueError for a set that could never sign.

    SmartSession keeps at most 320 bytes of it, hence seven owners.
    """
    if not 1 <= threshold <= len(owners) <= MAX_OWNERS:
        raise ValueError(
            f"{threshold} of {len(owners)} owners: need 1 <= threshold <= owners <= {MAX_OWNERS}"
        )
    if any(int.from_bytes(owner, "big") == 0 for owner in owners):
        raise ValueError("the zero address among the owners would accept foreign signatures")
    if sorted(set(owners)) != list(owners):
        raise ValueError("owners must be unique and ascending")
    # abi.encode(uint256, address[]), written out: it is made for every session of the files.
    words = (threshold, 64, len(owners), *(int.from_bytes(owner, "big") for owner in owners))
    return b"".join(word.to_bytes(32, "big") for word in words)
