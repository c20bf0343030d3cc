"""What many tasks ask of a chain in one turn is one request, and nobody is worse off for the others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.shared_reader import SharedReader
from agent.domain.call import Call
from agent.domain.errors import ChainReverted, ChainUnavailable
from agent.domain.units import Address, Wei
from agent.ports import CallFailed
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, PAYEE
from tests.unit.adapters.servers import MISBEHAVIOURS, NodeServer, Refusal, endpoints_of

MANY = 20
BLOCK = 99


@dataclass
class CountedNode(NodeServer):
    """A node that counts requests, and lets them wait until it is opened."""

    requests: int = 0
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    reverts: Address | None = None
    """A target whose calls fail."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, once it is opened."""
        self.requests += 1
        self.arrived.set()
        await self.opened.wait()
        return await super().handle(request)

    def _call(self, message: dict[str, str], tag: str) -> str:
        if message["to"] == str(self.reverts):
            raise Refusal(3, "execution reverted")
        return super()._call(message, tag)


@asynccontextmanager
async def a_reader(node: CountedNode, *, opened: bool = True) -> AsyncIterator[SharedReader]:
    """Read a node that has said already which chain it serves."""
    async with endpoints_of([node.handle]) as clients:
        reader = SharedReader(ChainRpc(CHAIN_ID, clients))
        node.opened.set()
        await reader.code(ACCOUNT, BLOCK)
        node.requests = 0
        node.asked.clear()
        node.arrived.clear()
        if not opened:
            node.opened.clear()
        yield reader


def a_call(number: int, target: Address = PAYEE) -> Call:
    return Call(target, Wei(0), number.to_bytes(4, "big"))


async def answers_to(reader: SharedReader, *asked: Sequence[Call]) -> list[tuple[bytes | CallFailed, ...]]:
    return await asyncio.gather(*(reader.calls(calls, BLOCK) for calls in asked))


async def test_equal_questions_of_one_turn_are_one_request() -> None:
    async with a_reader(node := CountedNode()) as reader:
        heads = await asyncio.gather(*(reader.block("latest") for _ in range(MANY)))
        fees = await asyncio.gather(*(reader.priority_fee() for _ in range(MANY)))

        assert ({head.number for head in heads}, set(fees)) == ({100}, {1})
        assert node.asked == {"eth_getBlockByNumber": 1, "eth_maxPriorityFeePerGas": 1}


async def test_a_head_is_never_older_than_the_question() -> None:
    async with a_reader(node := CountedNode(), opened=False) as reader:
        before = asyncio.create_task(reader.block("latest"))
        await node.arrived.wait()
        after = asyncio.create_task(reader.block("latest"))
        node.opened.set()

        await asyncio.gather(before, after)

        assert node.asked["eth_getBlockByNumber"] == 2


async def test_nothing_is_remembered() -> None:
    async with a_reader(node := CountedNode()) as reader:
        first = await reader.block("latest")
        node.head += 1

        assert (await reader.block("latest")).number == first.number + 1


async def test_calls_of_many_tasks_at_one_block_are_one_request() -> None:
    node = CountedNode(words={str(ENTRY_POINT): 7})
    async with a_reader(node) as reader:
        common = a_call(0, ENTRY_POINT)

        found = await answers_to(reader, *([common, a_call(number)] for number in range(1, MANY + 1)))

        assert found == [((7).to_bytes(32, "big"), (1).to_bytes(32, "big"))] * MANY
        assert (node.requests, node.asked["eth_call"]) == (1, MANY + 1)


async def test_a_single_call_that_names_no_sender_goes_with_them() -> None:
    async with a_reader(node := CountedNode()) as reader:
        words = await asyncio.gather(
            *(reader.call(PAYEE, bytes([number]), BLOCK) for number in range(MANY)),
        )

        assert (set(words), node.requests) == ({(1).to_bytes(32, "big")}, 1)


async def test_calls_with_senders_are_calls_of_their_own_in_one_request() -> None:
    async with a_reader(node := CountedNode()) as reader:
        await asyncio.gather(*(reader.call(PAYEE, b"", BLOCK, sender=ACCOUNT) for _ in range(3)))

        assert (node.requests, node.asked["eth_call"]) == (1, 3)


async def test_blocks_are_never_mixed() -> None:
    async with a_reader(node := CountedNode()) as reader:
        here = asyncio.create_task(reader.calls([a_call(1)], BLOCK))
        beyond = asyncio.create_task(reader.calls([a_call(1)], node.head + 1))
        heads = await asyncio.gather(*(reader.block(number) for number in (97, 98)))

        assert [head.number for head in heads] == [97, 98]
        assert await here == ((1).to_bytes(32, "big"),)
        with pytest.raises(ChainUnavailable):
            await beyond


async def test_an_error_reaches_everybody() -> None:
    async with a_reader(node := CountedNode()) as reader:
        node.misbehave = MISBEHAVIOURS["html"]

        told = await asyncio.gather(
            *(reader.block(BLOCK) for _ in range(MANY)),
            *(reader.calls([a_call(number)], BLOCK) for number in range(MANY)),
            return_exceptions=True,
        )

        assert len(told) == 2 * MANY
        assert all(isinstance(error, ChainUnavailable) for error in told)


async def test_what_fails_among_others_calls_is_asked_alone() -> None:
    async with a_reader(node := CountedNode(reverts=ENTRY_POINT)) as reader:
        (well,), (bad,) = await answers_to(reader, [a_call(1)], [a_call(2, ENTRY_POINT)])

        assert well == (1).to_bytes(32, "big")
        assert bad == CallFailed(b"")
        assert (node.requests, node.asked["eth_call"]) == (2, 3)


async def test_a_call_that_fails_still_says_with_what() -> None:
    async with a_reader(CountedNode(reverts=PAYEE)) as reader:
        told = await asyncio.gather(
            reader.call(PAYEE, b"", BLOCK), reader.call(ENTRY_POINT, b"", BLOCK), return_exceptions=True
        )

        assert isinstance(told[0], ChainReverted)
        assert told[1] == (1).to_bytes(32, "big")


async def test_what_a_node_refuses_together_is_asked_one_by_one() -> None:
    async with a_reader(node := CountedNode()) as reader:
        node.fail = Refusal(-32602, "batch too large")
        told = await asyncio.gather(
            *(reader.calls([a_call(number)], BLOCK) for number in range(3)), return_exceptions=True
        )

        assert all(isinstance(error, ChainUnavailable) for error in told)
        assert node.requests == 4


async def test_one_who_is_cancelled_harms_nobody() -> None:
    async with a_reader(node := CountedNode(), opened=False) as reader:
        first, *others = [asyncio.create_task(reader.block("latest")) for _ in range(3)]
        reading, *readings = [asyncio.create_task(reader.calls([a_call(n)], BLOCK)) for n in range(3)]
        await node.arrived.wait()
        first.cancel()
        reading.cancel()
        node.opened.set()

        assert [head.number for head in await asyncio.gather(*others)] == [100, 100]
        assert await asyncio.gather(*readings) == [((1).to_bytes(32, "big"),)] * 2
        with pytest.raises(asyncio.CancelledError):
            await first


@pytest.mark.parametrize("has_left", [True, False])
async def test_what_nobody_waits_for_is_not_asked_on(*, has_left: bool) -> None:
    async with a_reader(node := CountedNode(), opened=not has_left) as reader:
        asking = [
            asyncio.create_task(reader.block("latest")),
            asyncio.create_task(reader.calls([a_call(1)], BLOCK)),
        ]
        await (node.arrived.wait() if has_left else asyncio.sleep(0))
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        node.opened.set()

        # Whoever asks next is not tied to those who left.
        assert (await reader.block("latest")).number == 100
        assert await reader.calls([a_call(2)], BLOCK) == ((1).to_bytes(32, "big"),)
