"""A chain read for decisions about money: an answer counts when as many nodes give it as must agree."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from agent.adapters.agreement import Agreed, Disagreed, TooFew, Vote, settle, shared_height
from agent.adapters.chain_rpc import Answer, ChainRpc
from agent.adapters.node_choice import HeadGuard
from agent.adapters.node_rpc import NodeRpc
from agent.adapters.read_batch import RememberingBatch, Values, distinct
from agent.adapters.read_retry import until_answered
from agent.domain.call import Call
from agent.domain.errors import ChainReverted, ChainUnavailable, NodesDisagree
from agent.domain.evaluation import Read
from agent.domain.units import Address, ChainId, Hash32, Wei
from agent.ports import Block, BlockTag, CallFailed, Log, ReadBatch, TransactionReceipt

log = structlog.get_logger()


class TooFewNodes(ChainUnavailable):
    """Not enough nodes answered for them to agree."""


class AgreedReader:
    """ChainReader that asks several nodes of a pool; where they disagree nobody knows, and one waits."""

    def __init__(self, pool: ChainRpc, quorum: int, *, finality_depth: int | None = None) -> None:
        self._pool = pool
        self._quorum = quorum
        self._finality_depth = finality_depth
        self._guard = HeadGuard()
        self._in_dispute: set[str] = set()

    @property
    def chain_id(self) -> ChainId:
        """The chain id that the configuration names."""
        return self._pool.chain_id

    async def remote_chain_id(self) -> ChainId:
        """Return the chain id that enough nodes name."""
        return await self._agree("chain id", lambda node: node.remote_chain_id())

    async def block(self, tag: BlockTag) -> Block:
        """Return a header that enough nodes have; of `latest` and other tags the newest such."""
        if isinstance(tag, int):
            return await self._agree("block", lambda node: node.block(tag), tag)
        if tag != "latest":
            return await self._newest(lambda node: node.block(tag))
        head = await self._newest(lambda node: node.block("latest"))
        if not self._guard.allows(head.number):
            raise ChainUnavailable(f"the newest shared block is {head.number}, and a newer was seen before")
        self._guard = self._guard.seen(head.number)
        return head

    async def finalized(self) -> Block:
        """Return the newest block that is final by enough nodes."""
        if self._finality_depth is None:
            return await self._newest(lambda node: node.finalized())
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

        async def called(node: NodeRpc) -> bytes | CallFailed:
            try:
                return await node.call(target, data, tag, sender, gas)
            except ChainReverted as revert:
                return CallFailed(revert.data)

        answer = await self._agree("call", called, tag)
        if isinstance(answer, CallFailed):
            raise ChainReverted(answer.data)
        return answer

    async def calls(self, calls: Sequence[Call], tag: BlockTag) -> tuple[bytes | CallFailed, ...]:
        """Read many values at one block."""
        return await self._agree("calls", lambda node: node.calls(calls, tag), tag)

    def batch(self, reads: Sequence[Read]) -> ReadBatch:
        """Pack reads that are wanted at many blocks, for each node that is asked in its own way."""
        chosen = distinct(reads)
        packed = {node: node.values_at(chosen) for node in self._pool.nodes}

        async def values_at(block: Block) -> Values:
            return await self._agree("reads", lambda node: packed[node](block), block.number)

        return RememberingBatch(chosen, values_at)

    async def code(self, address: Address, tag: BlockTag = "latest") -> bytes:
        """Return the code at an address."""
        return await self._agree("code", lambda node: node.code(address, tag), tag)

    async def balance(self, address: Address, tag: BlockTag = "latest") -> Wei:
        """Return the native balance."""
        return await self._agree("balance", lambda node: node.balance(address, tag), tag)

    async def logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], from_block: int, to_block: int
    ) -> tuple[Log, ...]:
        """Return the logs of a block range, both ends included, in order."""
        return await self._agree(
            "logs", lambda node: node.logs(address, topics, from_block, to_block), to_block
        )

    async def receipt(self, transaction_hash: Hash32) -> TransactionReceipt | None:
        """Return a transaction's receipt, None while it is not mined."""
        return await self._agree("receipt", lambda node: node.receipt(transaction_hash))

    async def transaction_input(self, transaction_hash: Hash32) -> bytes | None:
        """Return a transaction's call data, None for one that no node knows."""
        return await self._agree("transaction", lambda node: node.transaction_input(transaction_hash))

    async def priority_fee(self) -> Wei:
        """Return one node's suggestion: there is no true one."""
        return await self._pool.priority_fee()

    async def _newest(self, ask: Callable[[NodeRpc], Awaitable[Block]]) -> Block:
        """Return the newest block that enough nodes have reached, by the hash that enough of them give it."""
        votes = await self._votes(self._pool.nodes, ask, None)
        height = shared_height([block.number for _, block in votes], self._quorum)
        if height is None:
            raise TooFewNodes(self._too_few(len(votes)))
        return await self.block(height)

    async def _agree(
        self, about: str, ask: Callable[[NodeRpc], Awaitable[Answer]], tag: BlockTag | None = None
    ) -> Answer:
        return await until_answered(lambda: self._asked(about, ask, tag), TooFewNodes)

    async def _asked(
        self, about: str, ask: Callable[[NodeRpc], Awaitable[Answer]], tag: BlockTag | None
    ) -> Answer:
        nodes = self._pool.in_order(tag)
        votes = await self._votes(nodes[: self._quorum], ask, tag)
        if not _is_unanimous(votes, self._quorum):
            votes += await self._votes(nodes[self._quorum :], ask, tag)
        return self._settled(about, votes)

    async def _votes(
        self, nodes: Sequence[NodeRpc], ask: Callable[[NodeRpc], Awaitable[Answer]], tag: BlockTag | None
    ) -> list[tuple[NodeRpc, Answer]]:
        async def answer(node: NodeRpc) -> Answer:
            await self._pool.require_block(node, tag)
            return await ask(node)

        answers = await asyncio.gather(*map(answer, nodes), return_exceptions=True)
        votes: list[tuple[NodeRpc, Answer]] = []
        for node, given in zip(nodes, answers, strict=True):
            if isinstance(given, ChainUnavailable):
                continue
            if isinstance(given, BaseException):
                raise given
            votes.append((node, given))
        return votes

    def _settled(self, about: str, votes: Sequence[tuple[NodeRpc, Answer]]) -> Answer:
        outcome = settle([Vote(node.name, value) for node, value in votes], self._quorum)
        if isinstance(outcome, TooFew):
            raise TooFewNodes(self._too_few(outcome.answered))
        apart = outcome.nodes if isinstance(outcome, Disagreed) else outcome.dissenters
        for node, _ in votes:
            node.dissents += node.name in apart
        self._tell(about, apart)
        if isinstance(outcome, Agreed):
            return next(value for _, value in votes if value == outcome.value)
        raise NodesDisagree(about, outcome.nodes)

    def _tell(self, about: str, apart: Sequence[str]) -> None:
        """Log when a disagreement begins and ends, not at each look."""
        if apart and about not in self._in_dispute:
            self._in_dispute.add(about)
            log.warning("nodes_disagree", chain=self.chain_id, about=about, endpoints=list(apart))
        elif not apart and about in self._in_dispute:
            self._in_dispute.discard(about)
            log.info("nodes_agree", chain=self.chain_id, about=about)

    def _too_few(self, answered: int) -> str:
        return f"{answered} nodes of chain {self.chain_id} answered, {self._quorum} must agree"


def _is_unanimous(votes: Sequence[tuple[NodeRpc, object]], quorum: int) -> bool:
    return len(votes) >= quorum and all(value == votes[0][1] for _, value in votes)
