"""One node of a chain. It is asked once: whether it is asked again, or another, the pool decides."""

from collections.abc import Awaitable, Callable, Sequence

import orjson

from agent.adapters.joined_calls import JoinedCalls
from agent.adapters.json_rpc import (
    TOO_MANY_REQUESTS,
    Json,
    JsonRpc,
    PackedRequest,
    Request,
    RpcFailure,
    RpcSilent,
    RpcTooLarge,
)
from agent.adapters.node_answers import (
    Answer,
    answers_query,
    block,
    call_data,
    call_value,
    is_revert,
    logs,
    quantity,
    receipt,
    reverted,
    shaped,
)
from agent.adapters.packed_reads import OutOfGas, PackedReads, PinnedReads
from agent.adapters.packing import Packing, is_too_much, is_too_often
from agent.adapters.read_batch import RememberingBatch, Values, calls_of, distinct, values_of
from agent.domain.call import Call
from agent.domain.errors import ChainUnavailable, ReadRefused
from agent.domain.evaluation import Read
from agent.domain.standing import Standing
from agent.domain.units import Address, ChainId, Hash32, Wei, bytes_from_hex, hex_from_bytes
from agent.ports import Block, BlockTag, CallFailed, Log, ReadBatch, TransactionReceipt

CALLS_PER_BATCH = 500
"""Without Multicall3, each an `eth_call` of its own."""
CALL_GAS = 30_000_000
"""For one `eth_call`, when nothing is known of the nodes."""
GAS_PRICE_FALLBACK_WEI = 1_500_000_000
METHOD_NOT_FOUND = -32601
INVALID_REQUEST = -32600
"""What some nodes answer to a request larger than they take."""
WITHOUT_TRANSACTIONS = False


class NodeSilent(ChainUnavailable):
    """A node gave no answer at all: it may give one when it is asked again."""


class ReadDeclined(ChainUnavailable):
    """A node answered that it cannot tell."""


class NodeRpc:
    """ChainReader over one endpoint."""

    def __init__(
        self,
        chain_id: ChainId,
        rpc: JsonRpc,
        *,
        finality_depth: int | None = None,
        multicall: Address | None = None,
        call_gas: int = CALL_GAS,
    ) -> None:
        """Take the endpoint; the rest is as for `ChainRpc`."""
        self._chain_id = chain_id
        self._rpc = rpc
        self._finality_depth = finality_depth
        self._multicall = multicall
        self._packing = Packing(call_gas)
        self._joined = JoinedCalls(rpc)
        self._is_known = False
        self._takes_hashes = True
        """Whether it reads at a block that is named by its hash."""
        self.head = -1
        """The newest block it has shown."""
        self.dissents = 0
        """How often it answered otherwise than as many nodes as must agree."""

    @property
    def name(self) -> str:
        """How it is called in logs and metrics; never its URL."""
        return self._rpc.name

    @property
    def standing(self) -> Standing:
        """How it has answered."""
        health = self._rpc.health
        return Standing("rpc", self.name, health.is_in, health.why, self._rpc.failures, self.dissents)

    @property
    def chain_id(self) -> ChainId:
        """The chain id that the configuration names."""
        return self._chain_id

    async def remote_chain_id(self) -> ChainId:
        """Return the chain id that the node names."""
        try:
            return ChainId(self._shaped(quantity, await self._requested("eth_chainId")))
        except RpcFailure as failure:
            raise ChainUnavailable(f"eth_chainId: {failure}") from None

    async def block(self, tag: BlockTag) -> Block:
        """Return a header; raises ChainUnavailable when the node has no such block."""
        header = await self._read("eth_getBlockByNumber", _tag(tag), WITHOUT_TRANSACTIONS)
        if header is None:
            raise ChainUnavailable(f"{self.name} has no block {tag}")
        found = self._shaped(block, header)
        if isinstance(tag, int) and found.number != tag:
            raise self._unusable(f"{self.name} answered block {found.number}, not {tag}")
        self.head = found.number if tag == "latest" else max(self.head, found.number)
        return found

    async def finalized(self) -> Block:
        """Return the newest final block by this chain's rule."""
        if self._finality_depth is None:
            return await self.block("finalized")
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
        """Run `eth_call`, in one request with others of the same moment; raises ChainReverted(data)."""
        message = {"to": str(target), "data": hex_from_bytes(data)}
        if sender is not None:
            message["from"] = str(sender)
        if gas is not None:
            message["gas"] = hex(gas)
        if not self._is_known:
            await self._require_chain()
        try:
            answer = await self._answered(self._joined.ask(message, _tag(tag)))
            return self._shaped(bytes_from_hex, answer)
        except RpcFailure as failure:
            raise reverted(failure) from None

    async def calls(self, calls: Sequence[Call], tag: BlockTag) -> tuple[bytes | CallFailed, ...]:
        """Read many values at one block, through Multicall3 where the chain has it."""
        if self._multicall is None:
            answers: list[bytes | CallFailed] = []
            for start in range(0, len(calls), CALLS_PER_BATCH):
                answers += await self._through_batch(calls[start : start + CALLS_PER_BATCH], tag)
            return tuple(answers)
        packed = PackedReads(self._multicall, self._packing, calls)
        await self._packed_at(packed, _tag(tag))
        return packed.values

    def batch(self, reads: Sequence[Read]) -> ReadBatch:
        """Pack reads that are wanted at many blocks."""
        chosen = distinct(reads)
        return RememberingBatch(chosen, self.values_at(chosen))

    def values_at(self, reads: Sequence[Read]) -> Callable[[Block], Awaitable[Values]]:
        """Return what answers these distinct reads at a block; one at a time."""
        calls = calls_of(reads)
        if self._multicall is not None:
            packed = PackedReads(self._multicall, self._packing, calls, isolates=True)
            return PinnedReads(packed, self._pinned).at

        async def one_by_one(block: Block) -> Values:
            values = values_of(await self.calls(calls, block.number))
            await self._require_same(block)
            return values

        return one_by_one

    async def code(self, address: Address, tag: BlockTag = "latest") -> bytes:
        """Return the code at an address."""
        return self._shaped(bytes_from_hex, await self._read("eth_getCode", str(address), _tag(tag)))

    async def balance(self, address: Address, tag: BlockTag = "latest") -> Wei:
        """Return the native balance."""
        return Wei(self._shaped(quantity, await self._read("eth_getBalance", str(address), _tag(tag))))

    async def logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], from_block: int, to_block: int
    ) -> tuple[Log, ...]:
        """Return the logs of a block range, both ends included, in order; a range it refuses in halves."""
        query = {
            "address": str(address),
            "topics": [
                None if options is None else [str(option) for option in options] for options in topics
            ],
            "fromBlock": hex(from_block),
            "toBlock": hex(to_block),
        }
        try:
            found = self._shaped(logs, await self._ask("eth_getLogs", query))
        except (RpcFailure, ReadRefused) as refusal:
            # Nodes say in many words that a range is too wide; a single block is not.
            if from_block >= to_block or is_too_often(str(refusal)):
                raise ChainUnavailable(f"eth_getLogs: {refusal}") from None
            middle = (from_block + to_block) // 2
            return (
                *await self.logs(address, topics, from_block, middle),
                *await self.logs(address, topics, middle + 1, to_block),
            )
        if not answers_query(found, address, topics, range(from_block, to_block + 1)):
            raise self._unusable(f"{self.name} answered other logs than it was asked for")
        return found

    async def receipt(self, transaction_hash: Hash32) -> TransactionReceipt | None:
        """Return a transaction's receipt, None while it is not mined."""
        answer = await self._read("eth_getTransactionReceipt", str(transaction_hash))
        return None if answer is None else self._shaped(receipt, answer)

    async def transaction_input(self, transaction_hash: Hash32) -> bytes | None:
        """Return a transaction's call data, None for one that the node does not know."""
        answer = await self._read("eth_getTransactionByHash", str(transaction_hash))
        return None if answer is None else self._shaped(call_data, answer)

    async def priority_fee(self) -> Wei:
        """Return the node's suggestion; a common value where the node has none."""
        try:
            return Wei(self._shaped(quantity, await self._ask("eth_maxPriorityFeePerGas")))
        except RpcFailure as failure:
            if failure.code != METHOD_NOT_FOUND:
                raise ChainUnavailable(str(failure)) from None
            return Wei(GAS_PRICE_FALLBACK_WEI)

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()

    async def _read(self, method: str, *params: Json) -> Json:
        try:
            return await self._ask(method, *params)
        except RpcFailure as failure:
            raise ChainUnavailable(f"{method}: {failure}") from None

    async def _ask(self, method: str, *params: Json) -> Json:
        if not self._is_known:
            await self._require_chain()
        return await self._requested(method, *params)

    async def _require_chain(self) -> None:
        """Ask which chain it serves, at first and whenever it was away: behind its address may be another."""
        remote = await self.remote_chain_id()
        if remote != self._chain_id:
            why = f"{self.name} serves chain {remote}, not {self._chain_id}"
            self._rpc.stop(why)
            raise ChainUnavailable(why)
        self._is_known = True

    async def _requested(self, method: str, *params: Json) -> Json:
        return await self._answered(self._rpc.request(method, params))

    async def _answered(self, request: Awaitable[Json]) -> Json:
        try:
            return await request
        except RpcTooLarge as refusal:
            raise ReadRefused(str(refusal)) from None
        except RpcSilent as silence:
            self._is_known = False
            raise NodeSilent(str(silence)) from None

    async def _pinned(self, packed: PackedReads, block: Block) -> None:
        """Ask at that very block: by its hash, or by its number where the node takes no hash."""
        if self._takes_hashes:
            try:
                await self._packed_at(packed, {"blockHash": str(block.hash), "requireCanonical": True})
            except ReadDeclined:
                # It lacks the block, or it has it and does not know what a hash is for.
                await self._require_same(block)
            else:
                return
        await self._packed_at(packed, hex(block.number))
        await self._require_same(block)
        self._takes_hashes = False

    async def _require_same(self, block: Block) -> None:
        if (await self.block(block.number)).hash != block.hash:
            raise ChainUnavailable(f"{self.name} has another block {block.number}")

    async def _packed_at(self, packed: PackedReads, at: Json) -> None:
        pin = orjson.dumps(at)
        try:
            await packed.ask(lambda request: self._aggregated(request, pin))
        except ValueError as error:
            raise self._unusable(str(error)) from None

    async def _aggregated(self, request: PackedRequest, pin: bytes) -> str:
        if not self._is_known:
            await self._require_chain()
        try:
            answer = await self._answered(self._rpc.request_packed(request, pin))
        except RpcFailure as failure:
            raise _unpacked(failure) from None
        if not isinstance(answer, str) or not answer.startswith("0x"):
            raise self._unusable("the node's answer to eth_call is no hex")
        return answer

    async def _through_batch(self, calls: Sequence[Call], tag: BlockTag) -> list[bytes | CallFailed]:
        requests = [
            Request("eth_call", [{"to": str(call.target), "data": hex_from_bytes(call.data)}, _tag(tag)])
            for call in calls
        ]
        if not self._is_known:
            await self._require_chain()
        try:
            answers = await self._rpc.batch(requests)
        except RpcSilent as silence:
            raise NodeSilent(str(silence)) from None
        return [self._shaped(call_value, answer) for answer in answers]

    def _shaped(self, parse: Callable[[Json], Answer], answer: Json) -> Answer:
        try:
            return shaped(parse, answer)
        except ChainUnavailable as error:
            raise self._unusable(str(error)) from None

    def _unusable(self, why: str) -> ChainUnavailable:
        self._rpc.blame(why)
        return ChainUnavailable(why)


def _unpacked(failure: RpcFailure) -> ChainUnavailable:
    why = f"eth_call failed: {failure}"
    if failure.code in TOO_MANY_REQUESTS or is_too_often(failure.message):
        return ChainUnavailable(why)
    # Every call in it may fail by itself, so nothing but too little gas makes the whole revert.
    if is_revert(failure):
        return OutOfGas(why)
    if failure.code == INVALID_REQUEST or is_too_much(failure.message):
        return ReadRefused(why)
    return ReadDeclined(why)


def _tag(tag: BlockTag) -> str:
    return hex(tag) if isinstance(tag, int) else tag
