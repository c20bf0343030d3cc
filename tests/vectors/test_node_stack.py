"""Operations are, byte for byte, what viem, permissionless and module-sdk build."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from agent.domain.call import Call
from agent.domain.units import Address, Hash32, Wei
from benchmarks.op_build import node_documents, our_documents
from benchmarks.orders import Order, assorted
from benchmarks.peers.node import NodeStack, node_stack

OPERATIONS = 1_000


@pytest.fixture(scope="module")
def node() -> Iterator[NodeStack]:
    with node_stack() as stack:
        yield stack


def test_random_operations_equal_the_node_stack_s(node: NodeStack) -> None:
    orders = assorted(OPERATIONS, Random(7769))
    assert our_documents(orders) == node_documents(node, orders)


def test_every_field_reaches_the_hash(node: NodeStack) -> None:
    order = assorted(1, Random(1))[0]
    changed = [
        replace(order, sequence=order.sequence ^ 1),
        replace(order, nonce_key=order.nonce_key ^ 1),
        replace(order, sender=Address(bytes(20))),
        replace(order, fees=replace(order.fees, max_fee_per_gas=Wei(order.fees.max_fee_per_gas + 1))),
        replace(order, transfers=(), calls=(Call(Address(bytes(20)), Wei(1), b""),)),
    ]
    assert len({document["hash"] for document in node_documents(node, [order, *changed])}) == 6


def test_permission_id_reaches_the_signature_alone(node: NodeStack) -> None:
    order = assorted(1, Random(1))[0]
    other: Order = replace(order, permission_id=Hash32(bytes(32)))
    one, two = node_documents(node, [order, other])
    assert {name for name in one if one[name] != two[name]} == {"signature"}
    assert our_documents([other]) == [two]
