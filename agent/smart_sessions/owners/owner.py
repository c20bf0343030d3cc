"""What the pipeline knows of whoever must sign under a session."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Gas, Hash32

MAX_INIT_DATA_BYTES = 320
"""SmartSession keeps a validator's init data in ten storage slots and reverts without data above them."""
VALIDATE_SIGNATURE = keccak256(b"validateSignatureWithData(bytes32,bytes,bytes)")[:4]


class SessionOwner(Protocol):
    """The keys that a session obeys, as its validator reads them from the session's init data."""

    @property
    def keys(self) -> tuple[Address, ...]:
        """The keys by address; a P-256 key's is `P256Point.address`."""
        ...

    @property
    def threshold(self) -> int:
        """How many of them must sign."""
        ...

    @property
    def stub(self) -> bytes:
        """An inner signature as long as the real one that makes the validator say no without reverting."""
        ...

    @property
    def verification_gas(self) -> Gas:
        """Gas that the validator spends on the real signature and not on the stub."""
        ...

    @property
    def probes(self) -> tuple["Probe", ...]:
        """What to ask the validator before first use; empty where its address alone tells how to sign."""
        ...

    def digest(self, user_op_hash: Hash32, key: Address) -> Hash32:
        """Return the 32 bytes that this key signs."""
        ...

    def assemble(self, user_op_hash: Hash32, parts: Mapping[Address, bytes]) -> bytes:
        """Return the inner signature made of each key's own; raise ValueError when some are missing."""
        ...

    def prove(self, user_op_hash: Hash32, inner: bytes) -> None:
        """Verify the inner signature as the validator will; raise ValueError saying what is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to a validator, and the owner to sign as when the answer is yes."""

    name: str
    call_data: bytes
    owner: SessionOwner


@dataclass(frozen=True, slots=True)
class SessionValidator:
    """A session validator contract, and how its init data names an owner."""

    name: str
    address: Address
    owner: Callable[[bytes], SessionOwner]
    """Decodes init data; raises ValueError for owners that could never sign, or that strangers could be."""


def validate_signature_call(digest: Hash32, signature: bytes, init_data: bytes) -> bytes:
    """Encode `validateSignatureWithData(digest, signature, init_data)`; the answer is a boolean word."""
    first = _padded(signature)
    offsets = (96, 128 + len(first))
    head = digest + b"".join(offset.to_bytes(32, "big") for offset in offsets)
    lengths = len(signature).to_bytes(32, "big"), len(init_data).to_bytes(32, "big")
    return VALIDATE_SIGNATURE + head + lengths[0] + first + lengths[1] + _padded(init_data)


def require_kept(init_data: bytes) -> None:
    """Raise ValueError for init data that SmartSession would refuse."""
    if len(init_data) > MAX_INIT_DATA_BYTES:
        raise ValueError(f"{len(init_data)} bytes of init data, SmartSession keeps {MAX_INIT_DATA_BYTES}")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 32)
