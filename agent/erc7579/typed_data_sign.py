"""An owner's signature over typed data of an application, nested for its account (ERC-7739)."""

from dataclasses import dataclass

from agent.domain.keccak import keccak256
from agent.domain.units import Hash32
from agent.erc7579.enable_digest import AccountDomain

_ACCOUNT_FIELDS = "string name,string version,uint256 chainId,address verifyingContract,bytes32 salt"


@dataclass(frozen=True, slots=True)
class TypedContents:
    """Typed data of an application: its domain, its message and the message's type."""

    domain_separator: bytes
    contents_hash: Hash32
    """hashStruct of the message."""
    contents_type: str
    """The type as EIP-712 encodes it: the message's own first, the types it needs after it."""

    @property
    def name(self) -> str:
        """The name of the message's type."""
        return self.contents_type.partition("(")[0]


def typed_data_sign_digest(contents: TypedContents, domain: AccountDomain) -> Hash32:
    """Return what the owner key signs, raw or as a personal message."""
    type_text = f"TypedDataSign({contents.name} contents,{_ACCOUNT_FIELDS}){contents.contents_type}"
    message = keccak256(
        keccak256(type_text.encode())
        + contents.contents_hash
        + keccak256(domain.name.encode())
        + keccak256(domain.version.encode())
        + domain.chain_id.to_bytes(32, "big")
        + bytes(12)
        + domain.account
        + bytes(32)
    )
    return Hash32(keccak256(b"\x19\x01" + contents.domain_separator + message))


def typed_data_sign_signature(contents: TypedContents, signature: bytes) -> bytes:
    """Append to the owner's signature what the account needs to rebuild the digest."""
    text = contents.contents_type.encode()
    return (
        signature + contents.domain_separator + contents.contents_hash + text + len(text).to_bytes(2, "big")
    )
