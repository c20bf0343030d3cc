"""What an owner's wallet is shown where the account nests the ENABLE digest in typed data of its own."""

from agent.domain.keccak import keccak256
from agent.domain.typed_data import Document, types_of
from agent.domain.units import hex_from_bytes
from agent.erc7579.accounts import AccountKind, EnableDigest
from agent.erc7579.enable_digest import AccountDomain

_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def nested_document(kind: AccountKind, domain: AccountDomain, preimage: bytes) -> Document:
    """Return the document whose hash is `owner_digest(kind, keccak256(preimage), domain)`.

    Raise ValueError for a kind that nests nothing.
    """
    if not kind.nests_enable_digest:
        raise ValueError(f"the owner of a {kind.name} account signs the message itself")
    if kind.enable_digest is EnableDigest.KERNEL:
        encoded, message = "Kernel(bytes32 hash)", {"hash": hex_from_bytes(keccak256(preimage))}
    else:
        # The wallet hashes the bytes, which makes the digest of them.
        encoded, message = "PersonalSign(bytes prefixed)", {"prefixed": hex_from_bytes(preimage)}
    return {
        "types": types_of(_DOMAIN + encoded),
        "primaryType": encoded.partition("(")[0],
        "domain": {
            "name": domain.name,
            "version": domain.version,
            "chainId": domain.chain_id,
            "verifyingContract": str(domain.account),
        },
        "message": message,
    }
