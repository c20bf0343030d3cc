"""The one keccak-256 of the agent, checked against a known answer when it is imported."""

from collections.abc import Callable

from tiny_keccak import keccak256 as _keccak256

EMPTY_KECCAK = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")

keccak256: Callable[[bytes], bytes] = _keccak256
"""Return the 32-byte Keccak-256 digest (Ethereum's, not SHA3-256)."""

# tiny-keccak is a small project: a wrong build must never reach a signature.
if keccak256(b"") != EMPTY_KECCAK:
    raise ImportError("tiny_keccak does not compute Keccak-256 on this machine")
