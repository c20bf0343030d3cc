"""An EntryPoint nonce is a 192-bit key and a 64-bit sequence."""

SEQUENCE_BITS = 64
MAX_SEQUENCE = 2**64 - 1
MAX_KEY = 2**192 - 1


def join_nonce(nonce_key: int, nonce_sequence: int) -> int:
    """Return `nonce_key << 64 | nonce_sequence`; raise ValueError when one of them does not fit."""
    if not 0 <= nonce_key <= MAX_KEY:
        raise ValueError(f"nonce key {nonce_key:#x} does not fit into 192 bits")
    if not 0 <= nonce_sequence <= MAX_SEQUENCE:
        raise ValueError(f"nonce sequence {nonce_sequence:#x} does not fit into 64 bits")
    return nonce_key << SEQUENCE_BITS | nonce_sequence


def split_nonce(nonce: int) -> tuple[int, int]:
    """Return nonce key and nonce sequence."""
    return nonce >> SEQUENCE_BITS, nonce & MAX_SEQUENCE
