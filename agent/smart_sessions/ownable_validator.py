"""OwnableValidator (the current build) as session validator: threshold signatures over the raw hash."""

from collections.abc import Iterator

from coincurve import PublicKey

from agent.domain.keccak import keccak256
from agent.domain.units import ZERO_ADDRESS, Address, Hash32
from agent.smart_sessions.reverts import INVALID_SIGNATURE, Revert

PIECE = 65
_PERSONAL_PREFIX = b"\x19Ethereum Signed Message:\n32"


def is_valid(digest: Hash32, signature: bytes, init_data: bytes) -> bool:
    """Answer as `validateSignatureWithData` does; raise Revert where it reverts.

    The order of the pieces is free, one owner counts once, and pieces beyond the threshold may be anything.
    """
    threshold, owners = _config(init_data)
    if threshold == 0 or sorted(set(owners)) != owners:
        return False
    if len(signature) // PIECE < threshold:
        raise Revert(INVALID_SIGNATURE)
    signers = set(_signers(digest, signature, threshold))
    return len(signers & set(owners)) >= threshold


def _config(init_data: bytes) -> tuple[int, list[Address]]:
    """Decode (uint256 threshold, address[] owners) as Solidity does, odd offsets included."""
    threshold, offset = _word(init_data, 0), _word(init_data, 32)
    count = _word(init_data, offset)
    if offset + 32 + 32 * count > len(init_data):
        raise Revert
    words = [_word(init_data, offset + 32 + 32 * index) for index in range(count)]
    if any(word >> 160 for word in words):
        raise Revert
    return threshold, [Address(word.to_bytes(20, "big")) for word in words]


def _word(data: bytes, start: int) -> int:
    if start + 32 > len(data):
        raise Revert
    return int.from_bytes(data[start : start + 32], "big")


def _signers(digest: Hash32, signature: bytes, threshold: int) -> Iterator[Address]:
    for index in range(len(signature) // PIECE):
        piece = signature[PIECE * index : PIECE * (index + 1)]
        if index < threshold and piece[64] == 0:
            # A contract's signature: an address without code answers nothing.
            raise Revert
        signer = _recovered(digest, piece)
        if index < threshold and signer == ZERO_ADDRESS:
            raise Revert(INVALID_SIGNATURE)
        yield signer


def _recovered(digest: Hash32, piece: bytes) -> Address:
    v = piece[64]
    if v > 30:
        digest, v = Hash32(keccak256(_PERSONAL_PREFIX + digest)), v - 4
    if v not in (27, 28):
        return ZERO_ADDRESS
    try:
        key = PublicKey.from_signature_and_message(piece[:64] + bytes([v - 27]), digest, hasher=None)
    except Exception:  # noqa: BLE001 - coincurve raises Exception itself for an unrecoverable signature
        return ZERO_ADDRESS
    return Address(keccak256(key.format(compressed=False)[1:])[12:])
