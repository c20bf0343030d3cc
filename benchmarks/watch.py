"""What one block costs a watcher: every distinct read of 10,000 conditions, against viem and web3.py.

The reads are balances of one token on a real node. Before each round a hundredth of them changes and a block
is mined; then each contestant reads all at that block. Measured is its CPU time, without the node's and that
of judging the conditions. The peers may choose how many reads go into a call; their best choice counts.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from statistics import median

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.json_rpc import Json, JsonRpc, PackedRequest
from agent.devnet import rpc
from agent.devnet.addresses import MULTICALL3
from agent.devnet.anvil import running_anvil
from agent.devnet.compiled import multicall3_runtime_code
from agent.devnet.options import CHAIN_ID, DevnetOptions
from agent.devnet.paths import devnet_dir
from agent.devnet.setup import set_up
from agent.domain.evaluation import Read
from agent.domain.keccak import keccak256
from agent.domain.units import Address, ChainId
from agent.ports import Block, ReadBatch
from benchmarks.peers.node import NodePeer, node_multicall
from benchmarks.peers.web3_multicall import BALANCE_OF, Web3Multicall
from benchmarks.report import Row, cpu_us, row_of_costs, settle_memory

DISTINCT = (2_000, 10_000)
ROUNDS = 5
PEER_CHUNKS = (500, 1_000, 2_000)
AT_ONCE = 2_000
GAS_CAP = 50_000_000
TOKEN = Address(b"\xe2" * 20)
TOKEN_CODE = "0x6004355f5260405f20545f5260205ff3"
"""balanceOf, and nothing else: the mapping in slot 0."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one contestant: CPU microseconds per read, and RPC calls, for one block."""

    cpu_us: float
    calls: int


@dataclass(frozen=True, slots=True)
class Round:
    """CPU microseconds of each contestant for one block; of the peers by reads in a call."""

    ours: float
    viem: dict[int, float]
    web3: dict[int, float]


class CountingNode(JsonRpc):
    """A node's client that counts what it asks."""

    asked = 0

    async def request_packed(self, request: PackedRequest, last: bytes) -> Json:
        """Ask, and count."""
        self.asked += 1
        return await super().request_packed(request, last)


def rows() -> list[Row]:
    """Return the costs per read, and the calls of the largest round."""
    with asyncio.Runner() as runner:
        runner.run(asyncio.to_thread(set_up))
        costs = {count: _costs(runner, count) for count in DISTINCT}
    found: list[Row] = []
    for count, (ours, viem, web3) in costs.items():
        what = f"10,000 conditions over {count:,} reads"
        found += [
            row_of_costs(f"watch vs viem multicall, {what}", ours.cpu_us, viem.cpu_us, "us/read"),
            row_of_costs(f"watch vs web3 aggregate3, {what}", ours.cpu_us, web3.cpu_us, "us/read"),
        ]
    most = max(DISTINCT)
    calls = f"watch, RPC calls for {most:,} reads (peer: one call each)"
    return [*found, row_of_costs(calls, costs[most][0].calls, most, "RPC calls")]


def _costs(runner: asyncio.Runner, count: int) -> tuple[Costs, Costs, Costs]:
    with _chain(runner, count) as chain, node_multicall() as viem:
        return _measured(chain, viem)


class Chain:
    """A node with a token, and its balances."""

    def __init__(self, runner: asyncio.Runner, url: str, count: int) -> None:
        self.runner = runner
        self.url = url
        self.holders = [
            Address(keccak256(b"holder" + number.to_bytes(4, "big"))[12:]) for number in range(count)
        ]
        self._dice = Random(count)
        self._balances = [self._dice.getrandbits(120) + 1 for _ in range(count)]
        self.client = CountingNode(url)
        self.reader = ChainRpc(ChainId(CHAIN_ID), [self.client], multicall=MULTICALL3, call_gas=GAS_CAP)

    @property
    def balances(self) -> list[int]:
        """What every holder has now."""
        return self._balances

    def batch(self) -> ReadBatch:
        """Return every balance as a packed read."""
        return self.reader.batch([Read(TOKEN, BALANCE_OF + bytes(12) + holder) for holder in self.holders])

    async def write(self, places: Sequence[int]) -> None:
        """Put these balances on the chain."""
        for start in range(0, len(places), AT_ONCE):
            await rpc.batch(self.url, [self._stored(place) for place in places[start : start + AT_ONCE]])

    async def next_block(self) -> Block:
        """Change a hundredth of the balances, mine, and return the head."""
        places = self._dice.sample(range(len(self.holders)), len(self.holders) // 100)
        for place in places:
            self._balances[place] += 1
        await self.write(places)
        await rpc.call(self.url, "anvil_mine", "0x1")
        return await self.reader.block("latest")

    def _stored(self, place: int) -> rpc.Request:
        slot = keccak256(bytes(12) + self.holders[place] + bytes(32))
        value = self._balances[place].to_bytes(32, "big")
        return rpc.Request("anvil_setStorageAt", (str(TOKEN), f"0x{slot.hex()}", f"0x{value.hex()}"))


@contextmanager
def _chain(runner: asyncio.Runner, count: int) -> Iterator[Chain]:
    devnet = devnet_dir()
    with tempfile.TemporaryDirectory() as folder:
        running = running_anvil(devnet, Path(folder), DevnetOptions(block_time_s=0))
        _, url = runner.run(running.__aenter__())
        chain = Chain(runner, url, count)
        try:
            multicall = f"0x{multicall3_runtime_code(devnet / 'artifacts').hex()}"
            runner.run(rpc.call(url, "anvil_setCode", str(MULTICALL3), multicall))
            runner.run(rpc.call(url, "anvil_setCode", str(TOKEN), TOKEN_CODE))
            runner.run(chain.write(range(count)))
            yield chain
        finally:
            runner.run(chain.reader.close())
            runner.run(running.__aexit__(None, None, None))


def _measured(chain: Chain, viem: NodePeer) -> tuple[Costs, Costs, Costs]:
    holders = [str(holder) for holder in chain.holders]
    web3 = Web3Multicall(chain.url, str(MULTICALL3), str(TOKEN), holders)
    named = {"url": chain.url, "multicall": str(MULTICALL3), "token": str(TOKEN), "holders": holders}
    viem.ask({"load": named})
    batch = chain.batch()
    _check(chain, batch, viem, web3)
    settle_memory()
    before = chain.client.asked
    rounds = [_round(chain, batch, viem, web3) for _ in range(ROUNDS)]
    calls = (chain.client.asked - before) // ROUNDS
    count = len(chain.holders)
    ours = median(round_.ours for round_ in rounds)
    return (
        Costs(ours / count, calls),
        _best([round_.viem for round_ in rounds], count),
        _best([round_.web3 for round_ in rounds], count),
    )


def _round(chain: Chain, batch: ReadBatch, viem: NodePeer, web3: Web3Multicall) -> Round:
    block = chain.runner.run(chain.next_block())
    asked = {"block": str(block.number)}
    return Round(
        cpu_us(lambda: chain.runner.run(_read(batch, block))),
        {chunk: viem.ask({"read": asked | {"chunk": chunk}})["cpu_us"] for chunk in PEER_CHUNKS},
        {chunk: cpu_us(partial(web3.read, block.number, chunk)) for chunk in PEER_CHUNKS},
    )


async def _read(batch: ReadBatch, block: Block) -> None:
    # The runner writes out the result of what it ran when it takes its signal handler back.
    await batch.at(block)


def _best(rounds: Sequence[dict[int, float]], count: int) -> Costs:
    costs = {chunk: median(cost[chunk] for cost in rounds) for chunk in PEER_CHUNKS}
    chunk = min(costs, key=lambda chunk: costs[chunk])
    return Costs(costs[chunk] / count, -(-count // chunk))


def _check(chain: Chain, batch: ReadBatch, viem: NodePeer, web3: Web3Multicall) -> None:
    """Let each read once: whoever reads something else would win or lose for nothing."""
    chain.runner.run(_read(batch, chain.runner.run(chain.next_block())))
    block = chain.runner.run(chain.next_block())
    answers = chain.runner.run(batch.at(block))
    assert [int.from_bytes(value or b"") for value in answers.values] == chain.balances
    assert len(answers.changed) == len(chain.holders) // 100
    asked = {"block": str(block.number), "chunk": PEER_CHUNKS[-1]}
    assert [int(balance) for balance in viem.ask({"read": asked})["balances"]] == chain.balances
    assert web3.read(block.number, PEER_CHUNKS[-1]) == chain.balances
