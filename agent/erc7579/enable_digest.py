"""The hash an owner key really signs: some accounts nest the ENABLE digest in typed data of their own."""

from agent.domain.keccak import keccak256
from agent.domain.units import Address, ChainId, Hash32
from agent.erc7579.accounts import AccountKind, EnableDigest

_DOMAIN_TYPEHASH = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_KERNEL_TYPEHASH = keccak256(b"Kernel(bytes32 hash)")
_PERSONAL_SIGN_TYPEHASH = keccak256(b"PersonalSign(bytes prefixed)")


def account_domain_separator(name: str, version: str, chain_id: ChainId, account: Address) -> bytes:
    """Return the typed-data domain of an account; read name and version with `eip712Domain()`."""
    return keccak256(
        _DOMAIN_TYPEHASH
        + keccak256(name.encode())
        + keccak256(version.encode())
        + chain_id.to_bytes(32, "big")
        + bytes(12)
        + account
    )


def owner_digest(kind: AccountKind, digest: Hash32, domain_separator: bytes) -> Hash32:
    """Return what the owner key signs for this digest on this kind of account."""
    if kind.enable_digest is EnableDigest.RAW:
        return digest
    typehash = _KERNEL_TYPEHASH if kind.enable_digest is EnableDigest.KERNEL else _PERSONAL_SIGN_TYPEHASH
    return Hash32(keccak256(b"\x19\x01" + domain_separator + keccak256(typehash + digest)))
