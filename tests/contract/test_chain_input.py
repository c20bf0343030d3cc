"""What a transaction was called with, from every reader of a chain, asked of a real node."""

from collections.abc import AsyncIterator

import pytest

from agent.adapters.agreed_reader import AgreedReader
from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.json_rpc import JsonRpc
from agent.adapters.node_rpc import NodeRpc
from agent.adapters.shared_reader import SharedReader
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import transact
from agent.domain.call import Call
from agent.domain.errors import ChainUnavailable
from agent.domain.units import ChainId, Hash32, Wei
from agent.ports import ChainReader
from tests.builders import PAYEE, a_hash

pytestmark = pytest.mark.devnet

DATA = bytes(range(256)) * 40
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(params=["node", "pool", "pool whose first node is gone", "agreed", "shared"])
async def reader(request: pytest.FixtureRequest, devnet: Devnet) -> AsyncIterator[ChainReader]:
    chain_id = ChainId(devnet.chain_id)
    gone = [JsonRpc(NOWHERE)] if "gone" in request.param else []
    rpcs = [*gone, JsonRpc(devnet.rpc_url), JsonRpc(devnet.rpc_url)]
    pool = ChainRpc(chain_id, rpcs)
    readers: dict[str, ChainReader] = {
        "node": NodeRpc(chain_id, rpcs[-1]),
        "agreed": AgreedReader(pool, 2),
        "shared": SharedReader(pool),
    }
    yield readers.get(request.param, pool)
    await pool.close()


async def test_it_is_what_was_sent(devnet: Devnet, reader: ChainReader) -> None:
    for data in (DATA, b""):
        receipt = await transact(devnet.rpc_url, Call(PAYEE, Wei(0), data))
        assert await reader.transaction_input(Hash32.from_hex(receipt["transactionHash"])) == data


async def test_of_one_that_nobody_sent_it_is_none(reader: ChainReader) -> None:
    assert await reader.transaction_input(a_hash(1)) is None


async def test_without_any_answer_it_is_unknown_and_not_none(devnet: Devnet) -> None:
    dark = ChainRpc(ChainId(devnet.chain_id), [JsonRpc(NOWHERE)])
    with pytest.raises(ChainUnavailable):
        await dark.transaction_input(a_hash(1))
    await dark.close()
