"""The hash an owner key really signs: some accounts nest the ENABLE digest in typed data of their own."""

from dataclasses import dataclass

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from agent.domain.keccak import keccak256
from agent.domain.units import Address, ChainId, Hash32
from agent.erc7579.accounts import AccountKind, EnableDigest

ACCOUNT_DOMAIN = bytes.fromhex("84b0196e")
"""`eip712Domain()` of an account; it takes no argument."""

_DOMAIN_TYPEHASH = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_KERNEL_TYPEHASH = keccak256(b"Kernel(bytes32 hash)")
_PERSONAL_SIGN_TYPEHASH = keccak256(b"PersonalSign(bytes prefixed)")
_DOMAIN_ANSWER = ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"]
_FOUR_FIELDS = b"\x0f"


@dataclass(frozen=True, slots=True)
class AccountDomain:
    """The typed-data domain of an account; name and version follow the deployed code."""

    name: str
    version: str
    chain_id: ChainId
    account: Address

    @property
    def separator(self) -> Hash32:
        """The hash of the domain."""
        return Hash32(
            keccak256(
                _DOMAIN_TYPEHASH
                + keccak256(self.name.encode())
                + keccak256(self.version.encode())
                + self.chain_id.to_bytes(32, "big")
                + bytes(12)
                + self.account
            )
        )


def read_account_domain(answer: bytes) -> AccountDomain:
    """Read the answer of `eip712Domain()`; raise ValueError when it has other fields than these four."""
    try:
        fields, name, version, chain_id, account, _, _ = decode(_DOMAIN_ANSWER, answer)
    except DecodingError as error:
        raise ValueError(f"the account answered {len(answer)} bytes, no typed-data domain") from error
    if fields != _FOUR_FIELDS:
        raise ValueError(f"the account's domain has the fields 0x{fields.hex()}, expected 0x0f")
    return AccountDomain(name, version, ChainId(chain_id), Address.from_hex(account))


def owner_digest(kind: AccountKind, digest: Hash32, domain: AccountDomain | None) -> Hash32:
    """Return what the owner key signs for this digest; raise ValueError where the domain is wanted."""
    if not kind.nests_enable_digest:
        return digest
    if domain is None:
        raise ValueError(f"what the owner of a {kind.name} account signs depends on the account's domain")
    typehash = _KERNEL_TYPEHASH if kind.enable_digest is EnableDigest.KERNEL else _PERSONAL_SIGN_TYPEHASH
    return Hash32(keccak256(b"\x19\x01" + domain.separator + keccak256(typehash + digest)))
