"""What owners of accounts sign that put the digest into typed data of their own."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from agent.domain.keccak import keccak256
from agent.domain.units import ChainId, Hash32
from agent.erc7579.accounts import KERNEL, NEXUS, STARTALE, AccountKind
from agent.erc7579.enable_digest import AccountDomain, owner_digest
from agent.erc7579.owner_document import nested_document
from agent.smart_sessions.digest import ChainDigest, multichain_digest, multichain_preimage
from tests.unit.erc7579.test_startale import DOMAIN, OWNER_KEY, PERSONAL

SIGNED = (ChainDigest(ChainId(31337), Hash32.from_hex(PERSONAL["session_digest"])),)


@pytest.mark.parametrize("kind", [KERNEL, STARTALE], ids=lambda kind: kind.name)
def test_document_hashes_to_what_the_account_checks(kind: AccountKind) -> None:
    domain = AccountDomain("Kernel", "0.3.1", ChainId(8453), DOMAIN.account) if kind is KERNEL else DOMAIN
    message = encode_typed_data(full_message=nested_document(kind, domain, multichain_preimage(SIGNED)))
    hashed = keccak256(b"\x19" + message.version + message.header + message.body)
    assert hashed == owner_digest(kind, multichain_digest(SIGNED), domain)


def test_a_wallet_makes_the_signature_that_a_startale_account_took() -> None:
    assert str(multichain_digest(SIGNED)) == PERSONAL["multichain_digest"]
    document = nested_document(STARTALE, DOMAIN, multichain_preimage(SIGNED))
    signature = Account.sign_typed_data(OWNER_KEY, full_message=document).signature
    assert "0x" + (bytes(20) + signature).hex() == PERSONAL["permissionEnableSig"]


def test_an_account_that_nests_nothing_has_no_document_of_its_own() -> None:
    with pytest.raises(ValueError, match="nexus"):
        nested_document(NEXUS, DOMAIN, b"")
