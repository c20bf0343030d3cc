"""A chain read through its nodes: in order, around the sick and the late, never behind what was seen."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from agent.adapters.json_rpc import JsonRpc
from agent.adapters.node_choice import HeadGuard, Shown, in_order
from agent.adapters.node_rpc import CALL_GAS, NodeRpc, NodeSilent
from agent.adapters.read_batch import RememberingBatch, Values, distinct
from agent.adapters.read_retry import until_answered
from agent.domain.call import Call
from agent.domain.errors import ChainUnavailable
from agent.domain.evaluation import Read
from agent.domain.units import Address, ChainId, Hash32, Wei
from agent.ports import Block, BlockTag, CallFailed, Log, ReadBatch, TransactionReceipt

Answer = TypeVar("Answer")


class ChainRpc:
    """ChainReader over one or more nodes; what one cannot answer is asked of the next."""

    def __init__(
        self,
        chain_id: ChainId,
        nodes: Sequence[JsonRpc],
        *,
        finality_depth: int | None = None,
        multicall: Address | None = None,
        call_gas: int = CALL_GAS,
    ) -> None:
        """Take the nodes in order of preference; `finality_depth` None means the node's `finalized` tag.

        `call_gas` is what they give one `eth_call`.
        """
        self._chain_id = chain_id
        self._finality_depth = finality_depth
        self._guard = HeadGuard()
        self.nodes = tuple(
            NodeRpc(chain_id, node, finality_depth=finality_depth, multicall=multicall, call_gas=call_gas)
            for node in nodes
        )

    @property
    def chain_id(self) -> ChainId:
        """The chain id that the configuration names."""
        return self._chain_id

    async def remote_chain_id(self) -> ChainId:
        """Return the chain id that the first node to answer names."""
        return await self._first(lambda node: node.remote_chain_id())

    async def block(self, tag: BlockTag) -> Block:
        """Return a header, of `latest` never an older one than before; raises ChainUnavailable."""
        if tag == "latest":
            return await self._retried(self._head)
        return await self._first(lambda node: node.block(tag), tag)

    async def finalized(self) -> Block:
        """Return the newest final block by this chain's rule."""
        if self._finality_depth is None:
            return await self._first(lambda node: node.finalized())
        head = await self.block("latest")
        return await self.block(max(0, head.number - self._finality_depth))

    async def call(
        self,
        target: Address,
        data: bytes,
        tag: BlockTag,
        sender: Address | None = None,
        gas: int | None = None,
    ) -> bytes:
        """Run `eth_call`; raises ChainReverted with the revert data."""
        return await self._first(lambda node: node.call(target, data, tag, sender, gas), tag)

    async def calls(self, calls: Sequence[Call], tag: BlockTag) -> tuple[bytes | CallFailed, ...]:
        """Read many values at one block, through Multicall3 where the chain has it."""
        return await self._first(lambda node: node.calls(calls, tag), tag)

    def batch(self, reads: Sequence[Read]) -> ReadBatch:
        """Pack reads that are wanted at many blocks, for each node that is asked in its own way."""
        chosen = distinct(reads)
        packed: dict[NodeRpc, Callable[[Block], Awaitable[Values]]] = {}

        async def values_at(block: Block) -> Values:
            async def ask(node: NodeRpc) -> Values:
                if node not in packed:
                    packed[node] = node.values_at(chosen)
                return await packed[node](block)

            return await self._first(ask, block.number)

        return RememberingBatch(chosen, values_at)

    async def code(self, address: Address, tag: BlockTag = "latest") -> bytes:
        """Return the code at an address."""
        return await self._first(lambda node: node.code(address, tag), tag)

    async def balance(self, address: Address, tag: BlockTag = "latest") -> Wei:
        """Return the native balance."""
        return await self._first(lambda node: node.balance(address, tag), tag)

    async def logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], from_block: int, to_block: int
    ) -> tuple[Log, ...]:
        """Return the logs of a block range, both ends included, in order."""
        # A node that lacks the last blocks would leave them out without a word.
        return await self._first(lambda node: node.logs(address, topics, from_block, to_block), to_block)

    async def receipt(self, transaction_hash: Hash32) -> TransactionReceipt | None:
        """Return a transaction's receipt, None while it is not mined."""
        return await self._first(lambda node: node.receipt(transaction_hash))

    async def transaction_input(self, transaction_hash: Hash32) -> bytes | None:
        """Return a transaction's call data, None for one that the node does not know."""
        return await self._first(lambda node: node.transaction_input(transaction_hash))

    async def priority_fee(self) -> Wei:
        """Return a node's suggestion; a common value where it has none."""
        return await self._first(lambda node: node.priority_fee())

    async def close(self) -> None:
        """Close the connections."""
        for node in self.nodes:
            await node.close()

    def in_order(self, tag: BlockTag | None = None) -> tuple[NodeRpc, ...]:
        """Return the nodes as they are to be asked about a block: all of them, the best first."""
        if len(self.nodes) == 1:
            return self.nodes
        shown = [Shown(node.standing.healthy, node.head) for node in self.nodes]
        return tuple(self.nodes[place] for place in in_order(shown, self._height(tag)))

    async def require_block(self, node: NodeRpc, tag: BlockTag | None) -> None:
        """Raise ChainUnavailable when the node is behind the block that is asked about."""
        height = self._height(tag)
        if node.head < height and (await node.block("latest")).number < height:
            raise ChainUnavailable(f"{node.name} is at block {node.head}, behind {height}")

    def _height(self, tag: BlockTag | None) -> int:
        if isinstance(tag, int):
            return tag
        return self._guard.highest if tag == "latest" else -1

    async def _head(self) -> Block:
        shown: list[int] = []
        error = ChainUnavailable("no node is configured")
        for node in self.in_order():
            try:
                head = await node.block("latest")
            except ChainUnavailable as unavailable:
                error = unavailable
                continue
            if self._guard.allows(head.number):
                self._guard = self._guard.seen(head.number)
                return head
            shown.append(head.number)
        if not shown:
            raise error
        highest = self._guard.highest
        self._guard = self._guard.all_below(max(shown), time.monotonic())
        raise ChainUnavailable(f"the newest block is {max(shown)}, and {highest} was seen before")

    async def _first(
        self, ask: Callable[[NodeRpc], Awaitable[Answer]], tag: BlockTag | None = None
    ) -> Answer:
        return await self._retried(lambda: self._round(ask, tag))

    async def _round(self, ask: Callable[[NodeRpc], Awaitable[Answer]], tag: BlockTag | None) -> Answer:
        errors: list[ChainUnavailable] = []
        for node in self.in_order(tag):
            try:
                await self.require_block(node, tag)
                return await ask(node)
            except ChainUnavailable as error:
                errors.append(error)
        if not errors:
            raise ChainUnavailable("no node is configured")
        # Silence may end when it is asked again; what a node says of itself does not change so soon.
        raise next((error for error in errors if isinstance(error, NodeSilent)), errors[0])

    async def _retried(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        return await until_answered(ask, NodeSilent)
