"""One drift sweep over many sessions on a real node, against one web3 call per read.

The sessions are really enabled: accounts without code, played by the node, call `enableSessions` on the
contracts of the local chain. What such an account answers about its modules is unknown to the sweep. The peer
asks every SAMPLE-th session's reads, each as one `eth_call`; its time is scaled to all of them.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from web3 import Web3
from web3.types import TxParams

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.clock import WallClock
from agent.adapters.json_rpc import JsonRpc, PackedRequest
from agent.adapters.memory import MemoryJournal
from agent.definitions.sessions import SessionDefinition
from agent.devnet import chain, rpc
from agent.devnet.accounts import address_of
from agent.devnet.addresses import MULTICALL3
from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from agent.devnet.transactions import transact_all
from agent.domain.call import Call
from agent.domain.job import Place
from agent.domain.keccak import keccak256
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, ChainId, Hash32, Timestamp, Wei
from agent.erc4337.version import EntryPointVersion
from agent.pipeline.context import ChainContext, Services
from agent.ports import Block
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.encoding import enable_sessions_call
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies import erc20_spending_limit, time_frame, usage_limit
from agent.smart_sessions.signature import owners_init_data
from agent.telemetry.metrics import Metrics
from agent.worker.drift import Sweep
from benchmarks.report import Row, row_of_costs
from jobs import erc20

SESSIONS = int(os.environ.get("DRIFT_SESSIONS", "10000"))
PER_ACCOUNT = 100
PER_TRANSACTION = 20
SAMPLE = 100
ROUNDS = 3
KEY = keccak256(b"drift sweep")


def rows() -> list[Row]:
    """Return the costs of one sweep when nothing drifted, which is nearly every sweep."""
    measured = asyncio.run(_measured())
    what = f"drift sweep of {SESSIONS:,} sessions"
    scaled = f"{what} (web3: 1 of {SAMPLE} asked, scaled)"
    return [
        row_of_costs(what, measured.our_calls, measured.reads, "RPC calls"),
        row_of_costs(scaled, measured.our_ms, measured.web3_ms, "ms"),
    ]


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one run."""

    our_calls: int
    our_ms: float
    reads: int
    web3_ms: float


class CountingNode(JsonRpc):
    """A node's client that counts what it asks."""

    asked = 0

    async def request(self, method: str, params: Sequence[object]) -> object:  # type: ignore[override] # JSON
        """Ask, and count."""
        self.asked += 1
        return await super().request(method, params)

    async def request_packed(self, request: PackedRequest, last: bytes) -> object:
        """Ask, and count."""
        self.asked += 1
        return await super().request_packed(request, last)


async def _measured() -> Measured:
    await asyncio.to_thread(set_up)
    async with running_devnet(DevnetOptions(block_time_s=1)) as devnet:
        sessions = list(_sessions(devnet))
        await _enable(devnet, sessions)
        await chain.set_block_time(devnet, None)
        node = CountingNode(devnet.rpc_url)
        sweep = _sweep(devnet, node, sessions)
        await _timed(devnet, sweep)
        asked = node.asked
        costs = [await _timed(devnet, sweep) for _ in range(ROUNDS)]
        our_calls = (node.asked - asked) // ROUNDS
        assert len([told for told in _told(sweep) if told]) == SESSIONS
        reads = [call for session in sweep.reader.sessions for call in session.plan.calls]
        sampled = [call for session in sweep.reader.sessions[::SAMPLE] for call in session.plan.calls]
        web3_ms = await asyncio.to_thread(_one_by_one, devnet.rpc_url, sampled)
        await sweep.chain.reader.close()  # type: ignore[attr-defined] # a ChainRpc
        return Measured(
            our_calls, sorted(costs)[ROUNDS // 2], len(reads), web3_ms * len(reads) / len(sampled)
        )


def _told(sweep: Sweep) -> Iterator[bool]:
    assert sweep.reader.last is not None
    return (told.found is not None and told.found.enabled for told in sweep.reader.last.sessions.values())


async def _timed(devnet: Devnet, sweep: Sweep) -> float:
    await chain.mine(devnet)
    head: Block = await sweep.chain.reader.block("latest")
    start = time.perf_counter()
    await sweep.sweep(head)
    return (time.perf_counter() - start) * 1_000


def _sweep(devnet: Devnet, node: JsonRpc, sessions: Sequence[SessionDefinition]) -> Sweep:
    reader = ChainRpc(ChainId(devnet.chain_id), [node], finality_depth=2, multicall=MULTICALL3)
    here = ChainContext(reader, (), devnet.entry_point, EntryPointVersion.V07)
    return Sweep(Services(MemoryJournal(), WallClock()), here, sessions, Metrics("bench", "live"))


def _sessions(devnet: Devnet) -> Iterator[SessionDefinition]:
    limits = erc20_spending_limit.SpendingLimits((erc20_spending_limit.TokenLimit(devnet.usdc, 1_000_000),))
    frame = time_frame.TimeFrame(valid_after=Timestamp(0), valid_until=Timestamp(int(time.time()) + 10**8))
    policies = (
        PolicyData(time_frame.ADDRESS, time_frame.encode(frame)),
        PolicyData(usage_limit.ADDRESS, usage_limit.encode(usage_limit.UsageLimit(12))),
    )
    spending = PolicyData(erc20_spending_limit.ADDRESS, erc20_spending_limit.encode(limits))
    owner = owners_init_data(1, [address_of(KEY)])
    for number in range(SESSIONS):
        session = Session(
            OWNABLE_VALIDATOR,
            owner,
            Hash32(number.to_bytes(32, "big")),
            policies,
            actions=(ActionData(erc20.TRANSFER, devnet.usdc, (spending,)),),
        )
        account = Address(keccak256(b"account" + (number // PER_ACCOUNT).to_bytes(4, "big"))[12:])
        yield SessionDefinition(
            name=f"s{number}",
            chain_id=ChainId(devnet.chain_id),
            account=account,
            account_kind="nexus",
            key="worker",
            smart_session=SMART_SESSION,
            session=session,
            permission_id=permission_id(session),
            place=Place("sessions"),
        )


async def _enable(devnet: Devnet, sessions: Sequence[SessionDefinition]) -> None:
    for start in range(0, len(sessions), PER_ACCOUNT):
        mine = sessions[start : start + PER_ACCOUNT]
        account = mine[0].account
        await rpc.call(devnet.rpc_url, "anvil_impersonateAccount", str(account))
        await rpc.call(devnet.rpc_url, "anvil_setBalance", str(account), hex(10**21))
        calls = [
            Call(
                SMART_SESSION,
                Wei(0),
                enable_sessions_call([item.session for item in mine[place : place + PER_TRANSACTION]]),
            )
            for place in range(0, len(mine), PER_TRANSACTION)
        ]
        await transact_all(devnet.rpc_url, calls, account)


def _one_by_one(url: str, calls: Sequence[Call]) -> float:
    web3 = Web3(Web3.HTTPProvider(url))
    start = time.perf_counter()
    for call in calls:
        message: TxParams = {"to": Web3.to_checksum_address(str(call.target)), "data": call.data}
        try:
            web3.eth.call(message)
        except ValueError:
            continue
    return (time.perf_counter() - start) * 1_000
