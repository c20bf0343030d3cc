"""Transactions of the devnet's own: one that the node seems to have lost is sent again, and counts once."""

from agent.devnet import rpc
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import transact
from agent.domain.call import Call
from agent.domain.units import Address, Wei
from tests.integration.proxies import Answer, Asked, proxy

SOMEBODY = Address(bytes(19) + b"\x77")


class Forgetful:
    """Says once for each of these methods that the node knows nothing of the transaction."""

    def __init__(self, *methods: str) -> None:
        self.left = list(methods)

    def __call__(self, asked: Asked, answer: Answer) -> Answer:
        if asked["method"] not in self.left:
            return answer
        self.left.remove(asked["method"])
        return answer | {"result": None}


async def balance(devnet: Devnet) -> int:
    return int(await rpc.call(devnet.rpc_url, "eth_getBalance", str(SOMEBODY), "latest"), 16)


async def test_a_mined_transaction_that_seemed_lost_counts_once(devnet_snapshot: Devnet) -> None:
    before = await balance(devnet_snapshot)
    forgetful = Forgetful("eth_getTransactionReceipt", "eth_getTransactionByHash")
    async with proxy(devnet_snapshot.rpc_url, forgetful) as node:
        receipt = await transact(node.url, Call(SOMEBODY, Wei(5), b""))
    assert forgetful.left == []
    assert len(node.params_of("eth_sendTransaction")) == 2
    assert receipt["status"] == "0x1"
    assert await balance(devnet_snapshot) == before + 5
