"""Transactions of the deployer: in their order, also when the node loses some."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.devnet import rpc
from agent.devnet.errors import ChainCallError
from agent.devnet.transactions import transact_all
from agent.domain.call import Call
from agent.domain.units import Wei
from tests.builders import ACCOUNT

USED_BEFORE = 7


@dataclass
class ForgetfulNode:
    """Mines what it has in the order of nonces, and loses or overlooks some of what is sent to it."""

    loses: set[int]
    """Which of the transactions that are sent, counted from 0."""
    overlooks: set[int] = field(default_factory=set)
    """At which questions for a transaction, counted from 0, it says that it has none."""
    sent: int = 0
    asked: int = 0
    pool: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Hash and data by nonce."""
    mined: dict[str, str] = field(default_factory=dict)
    """Data by hash, in the order of execution."""

    async def batch(self, _url: str, requests: Sequence[rpc.Request]) -> list[Any]:
        """Answer requests as anvil does."""
        return [getattr(self, request.method)(*request.params) for request in requests]

    def eth_getTransactionCount(self, _sender: str, _tag: str) -> str:  # noqa: N802 - the method's name
        return hex(USED_BEFORE + len(self.mined))

    def eth_sendTransaction(self, transaction: dict[str, str]) -> str:  # noqa: N802 - the method's name
        nonce = int(transaction["nonce"], 16)
        name = "".join(transaction.values())
        if nonce < USED_BEFORE + len(self.mined):
            raise ChainCallError("eth_sendTransaction", "nonce too low")
        if nonce in self.pool:
            raise ChainCallError("eth_sendTransaction", "transaction already imported")
        if self.sent not in self.loses:
            self.pool[nonce] = name, transaction["data"]
        self.sent += 1
        return name

    def eth_getBlockByNumber(self, _number: str, _whole: bool) -> dict[str, str]:  # noqa: N802, FBT001 - the method's name, and its parameter
        return {"baseFeePerGas": hex(1000 - self.sent)}

    def evm_mine(self) -> None:
        while (following := USED_BEFORE + len(self.mined)) in self.pool:
            name, data = self.pool.pop(following)
            self.mined[name] = data

    def eth_getTransactionReceipt(self, name: str) -> dict[str, str] | None:  # noqa: N802 - the method's name
        return {"status": "0x1", "transactionHash": name} if name in self.mined else None

    def eth_getTransactionByHash(self, name: str) -> dict[str, str] | None:  # noqa: N802 - the method's name
        there = name in self.mined or name in {waiting for waiting, _ in self.pool.values()}
        self.asked += 1
        return {"hash": name} if there and self.asked - 1 not in self.overlooks else None


@pytest.mark.parametrize("overlooks", [set(), {0}, {1, 2}, {0, 1, 2, 3}])
@pytest.mark.parametrize("loses", [set(), {0}, {1}, {0, 2}, {0, 3}, {2, 3}])
async def test_each_is_executed_once_and_after_the_one_before_it(
    loses: set[int], overlooks: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = ForgetfulNode(loses, overlooks)
    monkeypatch.setattr(rpc, "batch", node.batch)

    receipts = await transact_all("", [Call(ACCOUNT, Wei(0), bytes([place])) for place in range(3)])

    assert list(node.mined.values()) == ["0x00", "0x01", "0x02"]
    assert [receipt["transactionHash"] for receipt in receipts] == list(node.mined)
