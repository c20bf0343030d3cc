"""Build, hash and sign operations: the pipeline's functions against other stacks and against the floor."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from random import Random

from agent.smart_sessions.signature import INNER_OFFSET
from benchmarks.orders import Order, assorted, payments
from benchmarks.peers.floor import Floor
from benchmarks.peers.node import NodeStack, node_stack
from benchmarks.peers.web3_stack import Web3Stack
from benchmarks.pipeline_build import Ours
from benchmarks.report import Row, cpu_us, interleaved, row_of_costs

KEY = bytes.fromhex("1b5a8d9564dae8e9f4df3415de58e0558b4887cfc027a44fff78d0f43776a75b")
"""A throw-away key of the published vectors."""
ORDERS = 300
ROUNDS = 15
WARM_UPS = 3
COMPARED = 10_000
CHUNK = 1_000

Document = dict[str, str]


def rows() -> list[Row]:
    """Compare the bytes, then the time; raise AssertionError when one byte differs."""
    random = Random(4337)
    with node_stack() as node:
        for _ in range(COMPARED // CHUNK):
            orders = assorted(CHUNK, random)
            assert our_documents(orders) == node_documents(node, orders)
        return _timed(node)


def our_documents(orders: Sequence[Order]) -> list[Document]:
    """Return hash and JSON-RPC form of every order as the pipeline builds it."""
    return asyncio.run(Ours(KEY).documents(orders))


def node_documents(node: NodeStack, orders: Sequence[Order]) -> list[Document]:
    """Return the same from the Node stack; addresses may differ in case, so all is in lower case."""
    node.load(KEY, orders)
    return [
        {"hash": built["hash"], **{name: text.lower() for name, text in built["operation"].items()}}
        for built in node.build()
    ]


def _timed(node: NodeStack) -> list[Row]:
    orders = payments(ORDERS, Random(7579))
    node.load(KEY, orders)
    with asyncio.Runner() as runner:
        contestants = _contestants(node, orders, runner)
        interleaved(WARM_UPS, list(contestants.values()))
        medians = interleaved(ROUNDS, list(contestants.values()))
    cost = dict(zip(contestants, (total / len(orders) for total in medians), strict=True))
    return [
        row_of_costs("op build vs viem", cost["ours"], cost["viem"], "us/op"),
        row_of_costs("op build vs web3", cost["ours"], cost["web3"], "us/op"),
        row_of_costs("op build vs floor", cost["ours"], cost["floor"], "us/op"),
        row_of_costs("signature recovery vs viem", cost["our recovery"], cost["viem recovery"], "us/op"),
    ]


def _contestants(
    node: NodeStack, orders: Sequence[Order], runner: asyncio.Runner
) -> dict[str, Callable[[], float]]:
    web3, floor, ours = Web3Stack(KEY), Floor(KEY, orders), Ours(KEY)
    jobs = ours.prepared(orders)
    node.build()
    built = runner.run(ours.build_all(jobs))
    # A contestant that builds something else would win or lose for nothing.
    signatures = [signed.operation.signature for signed in built]
    assert [web3.build(order)[1] for order in orders] == signatures
    assert floor.build_all() == [signature[INNER_OFFSET:] for signature in signatures]
    return {
        "ours": lambda: runner.run(ours.build_all_cpu_us(jobs)),
        "floor": lambda: cpu_us(floor.build_all),
        "viem": node.build_cpu_us,
        "web3": lambda: cpu_us(lambda: _each(web3.build, orders)),
        "our recovery": lambda: cpu_us(lambda: ours.prove_all(jobs, built)),
        "viem recovery": node.recover_cpu_us,
    }


def _each(build: Callable[[Order], object], orders: Sequence[Order]) -> None:
    for order in orders:
        build(order)


if __name__ == "__main__":
    for row in rows():
        sys.stdout.write(f"{row}\n")
