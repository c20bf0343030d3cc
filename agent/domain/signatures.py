"""Who made an ECDSA signature. Making one needs a key and lives in the signers."""

from coincurve import PublicKey

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32

SIGNATURE_LENGTH = 65
V_OFFSET = 27


def recover_signer(digest: Hash32, signature: bytes) -> Address:
    """Return the address whose key signed the 32-byte digest; `signature` is r ‖ s ‖ v, v 27 or 28.

    Raise ValueError for a signature of another shape or one that recovers to no key.
    """
    if len(signature) != SIGNATURE_LENGTH or signature[64] not in (V_OFFSET, V_OFFSET + 1):
        raise ValueError("a signature is 65 bytes, the last one 27 or 28")
    recoverable = signature[:64] + bytes([signature[64] - V_OFFSET])
    try:
        key = PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except Exception as error:
        # coincurve raises a bare Exception for an unrecoverable signature.
        raise ValueError("the signature recovers to no key") from error
    return Address(keccak256(key.format(compressed=False)[1:])[12:])
