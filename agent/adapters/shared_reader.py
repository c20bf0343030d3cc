"""A chain reader for many tasks at once: what they ask in one turn of the event loop is asked together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.adapters.agreed_reader import TooFewNodes
from agent.adapters.node_rpc import NodeSilent
from agent.adapters.together import Together
from agent.domain.call import Call
from agent.domain.errors import ChainUnavailable
from agent.domain.evaluation import Read
from agent.domain.units import Address, ChainId, Hash32, Wei
from agent.ports import Block, BlockTag, CallFailed, ChainReader, Log, ReadBatch, TransactionReceipt

Value = bytes | CallFailed
SAME_FOR_ALL = (NodeSilent, TooFewNodes)
"""Nobody answered: whoever asked alone would hear the same."""


@dataclass(eq=False, slots=True)
class _Round:
    """Calls of some tasks at one block, each once."""

    calls: dict[Call, None] = field(default_factory=dict)
    tasks: int = 0
    waiting: int = 0


class SharedReader:
    """ChainReader over another one: equal questions are one request, and so are calls at one block.

    Nothing is kept for a later turn. One task's calls cannot spoil another's: what fails among others' calls
    is asked once more with its own alone.
    """

    def __init__(self, reader: ChainReader) -> None:
        self._reader = reader
        self._blocks: Together[BlockTag, Block] = Together()
        self._fees: Together[None, Wei] = Together()
        self._answers: Together[BlockTag, dict[Call, Value]] = Together()
        self._rounds: dict[BlockTag, _Round] = {}

    @property
    def chain_id(self) -> ChainId:
        """The chain id that the configuration names."""
        return self._reader.chain_id

    async def remote_chain_id(self) -> ChainId:
        """Return the chain id that the nodes name."""
        return await self._reader.remote_chain_id()

    async def block(self, tag: BlockTag) -> Block:
        """Return a header, asked for after this was called; raises ChainUnavailable."""
        return await self._blocks.ask(tag, lambda: self._reader.block(tag))

    async def finalized(self) -> Block:
        """Return the newest final block by this chain's rule."""
        return await self._reader.finalized()

    async def call(
        self,
        target: Address,
        data: bytes,
        tag: BlockTag,
        sender: Address | None = None,
        gas: int | None = None,
    ) -> bytes:
        """Run `eth_call`; raises ChainReverted with the revert data.

        Without a sender it is read together with others' calls, so it must not matter who calls.
        """
        if sender is None and gas is None:
            (answer,) = await self.calls([Call(target, Wei(0), data)], tag)
            if not isinstance(answer, CallFailed):
                return answer
        return await self._reader.call(target, data, tag, sender, gas)

    async def calls(self, calls: Sequence[Call], tag: BlockTag) -> tuple[Value, ...]:
        """Read many values at one block, together with what others read at it; raises ChainUnavailable."""
        shared = self._rounds.get(tag)
        if shared is None:
            shared = self._rounds[tag] = _Round()
        shared.tasks += 1
        shared.waiting += 1
        shared.calls.update(dict.fromkeys(calls))
        try:
            found = await self._answers.ask(tag, lambda: self._asked(tag))
        except ChainUnavailable as error:
            if shared.tasks == 1 or isinstance(error, SAME_FOR_ALL):
                raise
        else:
            answers = tuple(found[call] for call in calls)
            if shared.tasks == 1 or not any(isinstance(answer, CallFailed) for answer in answers):
                return answers
        finally:
            shared.waiting -= 1
            if not shared.waiting and self._rounds.get(tag) is shared:
                del self._rounds[tag]
        # A call of another task may have taken the gas, or be what the node refuses.
        return await self._reader.calls(calls, tag)

    async def _asked(self, tag: BlockTag) -> dict[Call, Value]:
        calls = tuple(self._rounds.pop(tag).calls)
        return dict(zip(calls, await self._reader.calls(calls, tag), strict=True))

    def batch(self, reads: Sequence[Read]) -> ReadBatch:
        """Pack reads that are wanted at many blocks."""
        return self._reader.batch(reads)

    async def code(self, address: Address, tag: BlockTag = "latest") -> bytes:
        """Return the code at an address."""
        return await self._reader.code(address, tag)

    async def balance(self, address: Address, tag: BlockTag = "latest") -> Wei:
        """Return the native balance."""
        return await self._reader.balance(address, tag)

    async def logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], from_block: int, to_block: int
    ) -> tuple[Log, ...]:
        """Return the logs of a block range, both ends included, in order."""
        return await self._reader.logs(address, topics, from_block, to_block)

    async def receipt(self, transaction_hash: Hash32) -> TransactionReceipt | None:
        """Return a transaction's receipt, None while it is not mined."""
        return await self._reader.receipt(transaction_hash)

    async def transaction_input(self, transaction_hash: Hash32) -> bytes | None:
        """Return a transaction's call data, None for one that is not known."""
        return await self._reader.transaction_input(transaction_hash)

    async def priority_fee(self) -> Wei:
        """Return a suggestion, one for all who ask at once."""
        return await self._fees.ask(None, self._reader.priority_fee)
