"""Where a factory puts what it creates with a salt."""

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32


def create2_address(factory: Address, salt: Hash32, creation_code_hash: Hash32) -> Address:
    """Return the address of a contract made with CREATE2; the hash is that of code and arguments."""
    return Address(keccak256(b"\xff" + factory + salt + creation_code_hash)[12:])
