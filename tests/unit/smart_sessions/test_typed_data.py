"""The document a wallet signs has the hash that the module computes, by another library's reckoning."""

from dataclasses import replace
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from agent.domain.keccak import keccak256
from agent.domain.units import Address, ChainId, Hash32
from agent.smart_sessions.digest import Mode, multichain_digest
from agent.smart_sessions.session_json import session_from_json
from agent.smart_sessions.typed_data import MAX_ENTRIES, Entry, multichain_document
from tests.vectors import vectors

VECTORS = vectors("smart_sessions")
HERE, ELSEWHERE = ChainId(VECTORS["chain_id"]), ChainId(8453)

each_session = pytest.mark.parametrize("vector", VECTORS["sessions"], ids=lambda vector: vector["name"])


def entry(vector: dict[str, Any], chain_id: ChainId = HERE) -> Entry:
    account, module = Address.parse(vector["account"]), Address.parse(vector["smart_session"])
    return Entry(chain_id, account, module, session_from_json(vector["session"]), vector["nonce"])


def hash_of(document: dict[str, Any]) -> Hash32:
    message = encode_typed_data(full_message=document)
    return Hash32(keccak256(b"\x19" + message.version + message.header + message.body))


@each_session
@pytest.mark.parametrize("mode", [Mode.ENABLE, Mode.UNSAFE_ENABLE])
def test_document_hashes_to_the_digest_on_one_chain(vector: dict[str, Any], mode: Mode) -> None:
    signed = replace(entry(vector), mode=mode)
    found = hash_of(multichain_document([signed]))
    assert found == multichain_digest([signed.chain_digest])
    if mode is Mode.ENABLE:
        assert str(found) == vector["multichain_digest_single"]


def test_one_document_grants_on_several_chains_and_accounts() -> None:
    first, second = (entry(vector) for vector in VECTORS["sessions"])
    entries = [first, replace(first, chain_id=ELSEWHERE, nonce=2**255), second]
    digests = [item.chain_digest for item in entries]
    assert hash_of(multichain_document(entries)) == multichain_digest(digests)


@pytest.mark.parametrize("count", [0, MAX_ENTRIES + 1])
def test_an_index_of_one_byte_bounds_the_message(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} sessions in one message"):
        multichain_document([entry(VECTORS["sessions"][0])] * count)
