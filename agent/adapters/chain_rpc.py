"""A chain read through its nodes' JSON-RPC."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import stamina

from agent.adapters.json_rpc import Json, JsonRpc, Request, RpcFailure, RpcSilent
from agent.adapters.multicall import aggregate3, aggregate3_results
from agent.domain.call import Call
from agent.domain.errors import ChainReverted, ChainUnavailable
from agent.domain.units import Address, ChainId, Hash32, Timestamp, Wei, bytes_from_hex, hex_from_bytes
from agent.ports import Block, BlockTag, CallFailed, Log, TransactionReceipt

CALLS_PER_REQUEST = 500
READ_ATTEMPTS = 3
GAS_PRICE_FALLBACK_WEI = 1_500_000_000
METHOD_NOT_FOUND = -32601
WITHOUT_TRANSACTIONS = False
Answer = TypeVar("Answer")
REVERT_CODES = frozenset({3, -32000, -32015, -32603})


class ChainRpc:
    """ChainReader over one or more nodes; a silent node's question goes to the next one."""

    def __init__(
        self,
        chain_id: ChainId,
        nodes: Sequence[JsonRpc],
        *,
        finality_depth: int | None = None,
        multicall: Address | None = None,
    ) -> None:
        """Take the nodes in order of preference; `finality_depth` None means the node's `finalized` tag."""
        self._chain_id = chain_id
        self._nodes = tuple(nodes)
        self._finality_depth = finality_depth
        self._multicall = multicall

    @property
    def chain_id(self) -> ChainId:
        """The chain id that the configuration names."""
        return self._chain_id

    async def remote_chain_id(self) -> ChainId:
        """Return the chain id that the node names."""
        return ChainId(_shaped(_number, await self._read("eth_chainId")))

    async def block(self, tag: BlockTag) -> Block:
        """Return a header; raises ChainUnavailable when the node has no such block."""
        header = await self._read("eth_getBlockByNumber", _tag(tag), WITHOUT_TRANSACTIONS)
        if header is None:
            raise ChainUnavailable(f"chain {self._chain_id} has no block {tag}")
        return _shaped(_block, header)

    async def finalized(self) -> Block:
        """Return the newest final block by this chain's rule."""
        if self._finality_depth is None:
            return await self.block("finalized")
        head = await self.block("latest")
        return await self.block(max(0, head.number - self._finality_depth))

    async def call(self, target: Address, data: bytes, tag: BlockTag, sender: Address | None = None) -> bytes:
        """Run `eth_call`; raises ChainReverted with the revert data."""
        message = {"to": str(target), "data": hex_from_bytes(data)}
        if sender is not None:
            message["from"] = str(sender)
        try:
            return _shaped(bytes_from_hex, await self._ask("eth_call", message, _tag(tag)))
        except RpcFailure as failure:
            raise _reverted(failure) from None

    async def calls(self, calls: Sequence[Call], tag: BlockTag) -> tuple[bytes | CallFailed, ...]:
        """Read many values at one block, through Multicall3 where the chain has it."""
        answers: list[bytes | CallFailed] = []
        for start in range(0, len(calls), CALLS_PER_REQUEST):
            chunk = calls[start : start + CALLS_PER_REQUEST]
            if self._multicall is None:
                answers += await self._through_batch(chunk, tag)
            else:
                answers += await self._through_multicall(self._multicall, chunk, tag)
        return tuple(answers)

    async def code(self, address: Address, tag: BlockTag = "latest") -> bytes:
        """Return the code at an address."""
        return _shaped(bytes_from_hex, await self._read("eth_getCode", str(address), _tag(tag)))

    async def balance(self, address: Address, tag: BlockTag = "latest") -> Wei:
        """Return the native balance."""
        return Wei(_shaped(_number, await self._read("eth_getBalance", str(address), _tag(tag))))

    async def logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], from_block: int, to_block: int
    ) -> tuple[Log, ...]:
        """Return the logs of a block range, both ends included, in order."""
        query = {
            "address": str(address),
            "topics": [
                None if options is None else [str(option) for option in options] for options in topics
            ],
            "fromBlock": hex(from_block),
            "toBlock": hex(to_block),
        }
        return _shaped(_logs, await self._read("eth_getLogs", query))

    async def receipt(self, transaction_hash: Hash32) -> TransactionReceipt | None:
        """Return a transaction's receipt, None while it is not mined."""
        answer = await self._read("eth_getTransactionReceipt", str(transaction_hash))
        return None if answer is None else _shaped(_receipt, answer)

    async def priority_fee(self) -> Wei:
        """Return the node's suggestion; a common value where the node has none."""
        try:
            return Wei(_shaped(_number, await self._ask("eth_maxPriorityFeePerGas")))
        except RpcFailure as failure:
            if failure.code != METHOD_NOT_FOUND:
                raise ChainUnavailable(str(failure)) from None
            return Wei(GAS_PRICE_FALLBACK_WEI)

    async def close(self) -> None:
        """Close the connections."""
        for node in self._nodes:
            await node.close()

    async def _read(self, method: str, *params: Json) -> Json:
        try:
            return await self._ask(method, *params)
        except RpcFailure as failure:
            raise ChainUnavailable(f"{method}: {failure}") from None

    async def _ask(self, method: str, *params: Json) -> Json:
        try:
            # A read has no effect, so it may be asked again; a send never comes through here.
            async for attempt in stamina.retry_context(
                on=RpcSilent, attempts=READ_ATTEMPTS, wait_initial=0.1, wait_max=1.0, timeout=20.0
            ):
                with attempt:
                    return await self._ask_nodes(method, params)
        except RpcSilent as silence:
            raise ChainUnavailable(str(silence)) from None
        raise AssertionError("unreachable: the last attempt raises")

    async def _ask_nodes(self, method: str, params: Sequence[Json]) -> Json:
        silence = RpcSilent("no node is configured")
        for node in self._nodes:
            try:
                return await node.request(method, params)
            except RpcSilent as error:
                silence = error
        raise silence

    async def _through_multicall(
        self, multicall: Address, calls: Sequence[Call], tag: BlockTag
    ) -> list[bytes | CallFailed]:
        data = await self.call(multicall, aggregate3(calls), tag)
        try:
            results = aggregate3_results(data, len(calls))
        except ValueError as error:
            raise ChainUnavailable(str(error)) from None
        # A target without code answers success and nothing: that is no value.
        return [value if success and value else CallFailed(value) for success, value in results]

    async def _through_batch(self, calls: Sequence[Call], tag: BlockTag) -> list[bytes | CallFailed]:
        requests = [
            Request("eth_call", [{"to": str(call.target), "data": hex_from_bytes(call.data)}, _tag(tag)])
            for call in calls
        ]
        try:
            answers = await self._nodes[0].batch(requests)
        except RpcSilent as silence:
            raise ChainUnavailable(str(silence)) from None
        return [_value(answer) for answer in answers]


def _shaped(parse: Callable[[Json], Answer], answer: Json) -> Answer:
    try:
        return parse(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ChainUnavailable(f"the node's answer has another shape ({type(error).__name__})") from None


def _number(answer: Json) -> int:
    return int(answer, 16)


def _tag(tag: BlockTag) -> str:
    return hex(tag) if isinstance(tag, int) else tag


def _value(answer: Json) -> bytes | CallFailed:
    if isinstance(answer, RpcFailure):
        return CallFailed(_reverted(answer).data)
    value = bytes_from_hex(answer)
    return value or CallFailed(value)


def _reverted(failure: RpcFailure) -> ChainReverted:
    data = failure.data
    if isinstance(data, dict):
        data = data.get("data")
    is_revert = failure.code in REVERT_CODES or "revert" in failure.message.lower()
    if not is_revert:
        raise ChainUnavailable(f"eth_call failed: {failure}") from None
    if isinstance(data, str) and data.startswith("0x"):
        return ChainReverted(bytes_from_hex(data), failure.message)
    return ChainReverted(b"", failure.message)


def _block(header: dict[str, Json]) -> Block:
    return Block(
        number=int(header["number"], 16),
        hash=Hash32.from_hex(header["hash"]),
        timestamp=Timestamp(int(header["timestamp"], 16)),
        base_fee_per_gas=Wei(int(header.get("baseFeePerGas") or "0x0", 16)),
    )


def _receipt(answer: dict[str, Json]) -> TransactionReceipt:
    return TransactionReceipt(
        transaction_hash=Hash32.from_hex(answer["transactionHash"]),
        block_number=int(answer["blockNumber"], 16),
        block_hash=Hash32.from_hex(answer["blockHash"]),
        status=int(answer["status"], 16),
        logs=_logs(answer["logs"]),
    )


def _logs(items: list[dict[str, Json]]) -> tuple[Log, ...]:
    return tuple(_log(item) for item in items)


def _log(item: dict[str, Json]) -> Log:
    return Log(
        address=Address.from_hex(item["address"]),
        topics=tuple(Hash32.from_hex(topic) for topic in item["topics"]),
        data=bytes_from_hex(item["data"]),
        block_number=int(item["blockNumber"], 16),
        block_hash=Hash32.from_hex(item["blockHash"]),
        transaction_hash=Hash32.from_hex(item["transactionHash"]),
        log_index=int(item["logIndex"], 16),
    )
