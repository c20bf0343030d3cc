"""The outcome of an operation is read at the block that included it, or nobody knows it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast

import pytest

from agent.domain.call import Call
from agent.domain.errors import ChainUnavailable
from agent.domain.evaluation import ChainView, Delivered, Delivery, NotDelivered, Read
from agent.domain.occurrence import Inclusion
from agent.domain.units import Address, ChainId, Hash32, Timestamp, Wei
from agent.erc4337.events import USER_OPERATION_EVENT
from agent.pipeline.confirm import Evidence
from agent.pipeline.context import JobContext
from agent.pipeline.outcome import PATIENCE_S, UNREADABLE, with_outcome
from agent.ports import Block, BlockTag, CallFailed, ChainReader, Log, TransactionReceipt
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, NOW, PAYEE, a_journaled_operation, an_inclusion

SEEN = an_inclusion()
READ = Read(PAYEE, b"\1\2\3\4")


def a_log(address: Address, *topics: Hash32) -> Log:
    return Log(address, topics, b"", SEEN.block_number, SEEN.block_hash, SEEN.transaction_hash, 0)


OWN = a_log(PAYEE, Hash32(b"\x01" * 32))
LOGS = (
    a_log(PAYEE, Hash32(b"\x02" * 32)),
    a_log(ENTRY_POINT, USER_OPERATION_EVENT, Hash32(b"\x03" * 32)),
    OWN,
    a_log(ENTRY_POINT, USER_OPERATION_EVENT, SEEN.user_op_hash),
)
RECEIPT = TransactionReceipt(SEEN.transaction_hash, SEEN.block_number, SEEN.block_hash, 1, LOGS)


@dataclass
class Node:
    """Has one block, and one answer or none."""

    answer: bytes | CallFailed | None
    block_hash: Hash32 = SEEN.block_hash
    chain_id: ChainId = CHAIN_ID
    asked: list[BlockTag] = field(default_factory=list)

    async def block(self, tag: BlockTag) -> Block:
        self.asked.append(tag)
        return Block(SEEN.block_number, self.block_hash, NOW, Wei(1))

    async def calls(self, calls: Sequence[Call], tag: BlockTag) -> tuple[bytes | CallFailed, ...]:
        self.asked.append(tag)
        if self.answer is None:
            raise ChainUnavailable("missing trie node")
        return tuple(self.answer for _ in calls)


@dataclass(frozen=True)
class Kind:
    looks: bool = True

    def outcome_reads(self, spec: None, account: Address) -> tuple[Read, ...]:
        return (READ,) if self.looks else ()

    def outcome(self, spec: None, account: Address, view: ChainView) -> Delivery:
        assert (view.block_number, view.intent) == (SEEN.block_number, {"amount": "1"})
        assert view.logs == (OWN,)
        return Delivered() if view.uint(READ) == 5 else NotDelivered("wrong", "not five")


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


async def seen_by(
    node: Node, *, final: int = SEEN.block_number - 1, later_s: int = 0, looks: bool = True
) -> Inclusion | None:
    job = SimpleNamespace(
        kind=Kind(looks),
        definition=SimpleNamespace(spec=None, account=ACCOUNT),
        chain=SimpleNamespace(entry_point=ENTRY_POINT),
    )
    evidence = Evidence(None, 0, final, Timestamp(NOW + later_s))
    signed = [
        replace(a_journaled_operation(), intent={"amount": "1"}),
        replace(a_journaled_operation(seed=2), intent={"amount": "2"}),
    ]
    chain, context = cast("ChainReader", node), cast("JobContext", job)
    return await with_outcome(chain, context, SEEN, evidence, signed, RECEIPT)


async def test_a_kind_that_looks_at_no_outcome_costs_no_call() -> None:
    node = Node(word(5))
    assert await seen_by(node, looks=False) == SEEN
    assert node.asked == []


async def test_what_the_chain_bears_out_is_delivered() -> None:
    node = Node(word(5))
    assert await seen_by(node) == SEEN
    assert node.asked == [SEEN.block_number] * 2


async def test_a_wrong_outcome_is_not_delivered() -> None:
    assert await seen_by(Node(word(6))) == replace(SEEN, delivered=False, why="wrong: not five")


async def test_another_block_at_that_height_asks_to_look_again() -> None:
    other = Hash32(b"\x99" * 32)
    assert await seen_by(Node(word(5), other)) is None
    assert await seen_by(Node(word(5), other), final=SEEN.block_number) is None


async def test_a_read_that_fails_is_asked_again_until_its_block_is_final() -> None:
    node = Node(CallFailed(b""))
    assert await seen_by(node) is None
    assert await seen_by(node, final=SEEN.block_number) == replace(SEEN, delivered=None, why=UNREADABLE)


async def test_a_node_that_does_not_answer_is_asked_again() -> None:
    with pytest.raises(ChainUnavailable):
        await seen_by(Node(None), final=SEEN.block_number, later_s=PATIENCE_S)


async def test_a_node_that_forgot_the_state_long_ago_leaves_it_unknown() -> None:
    found = await seen_by(Node(None), final=SEEN.block_number, later_s=PATIENCE_S + 1)
    assert found == replace(SEEN, delivered=None, why=UNREADABLE)
