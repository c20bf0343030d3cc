"""The sweep over every kind of account, over thousands of sessions, and against a thief who hides."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.clock import WallClock
from agent.adapters.json_rpc import JsonRpc, PackedRequest
from agent.adapters.memory import MemoryJournal
from agent.definitions.sessions import SessionDefinition
from agent.devnet import chain, rpc
from agent.devnet.addresses import MULTICALL3
from agent.devnet.devnet import Devnet
from agent.devnet.keys import DEPLOYER
from agent.devnet.transactions import transact, transact_all
from agent.domain.call import Call
from agent.domain.job import Place
from agent.domain.keccak import keccak256
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, Hash32, Wei
from agent.erc4337.calldata import handle_ops_call
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import KERNEL, REFERENCE, SAFE7579, AccountKind
from agent.pipeline.context import ChainContext, Services
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.drift import DriftCode
from agent.smart_sessions.encoding import (
    enable_action_policies_call,
    enable_sessions_call,
    remove_session_call,
)
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies import sudo
from agent.smart_sessions.signature import owners_init_data
from agent.telemetry.metrics import Metrics
from agent.worker.drift import Sweep
from jobs import erc20
from tests.integration.scenes import Scene
from tests.integration.test_drift import ELSEWHERE, held, remove, scope_of, steal, swept, uninstall, widen
from tests.operator import CHAIN_ID, Operator, an_operator

pytestmark = pytest.mark.devnet

SESSIONS = 3_000
PER_ACCOUNT = 500
PER_TRANSACTION = 50
MOST_CALLS = 12
"""Of a sweep in which little happened: head and finality, a glance in packs, two scans, one full read."""


@pytest.mark.parametrize("kind", [KERNEL, SAFE7579, REFERENCE], ids=lambda kind: kind.name)
async def test_every_kind_of_account_is_swept(devnet: Devnet, tmp_path: Path, kind: AccountKind) -> None:
    operator = await an_operator(devnet, tmp_path, [], kind=kind)
    async with swept(operator) as (world, sweep):
        seen: set[str] = set()
        for act, codes in (
            (steal, {DriftCode.FOREIGN_USE}),
            (widen, {DriftCode.WIDENED, DriftCode.RE_ENABLED}),
            (remove, {DriftCode.REMOVED}),
            (uninstall, {DriftCode.UNINSTALLED}),
        ):
            await act(operator)
            await sweep.poll()
            assert set(await held(world)) - seen == codes
            seen |= codes


async def steal_unnamed(operator: Operator) -> None:
    """Use the key in a transaction whose call data is empty: the bundle lies in a contract's code."""
    scene = Scene(operator.devnet, operator.account, operator.session, operator.session_key)
    bundle = handle_ops_call([await scene.op([scene.transfer(1)], lane=7)], DEPLOYER.address)
    thief = Address(keccak256(bundle)[12:])
    await rpc.call(
        operator.devnet.rpc_url,
        "anvil_setCode",
        str(thief),
        "0x" + calling(operator.devnet.entry_point, bundle).hex(),
    )
    await transact(operator.devnet.rpc_url, Call(thief, Wei(0), b""))


def calling(target: Address, data: bytes) -> bytes:
    """Return code that calls the target with data which stands behind it, and reverts if that fails."""
    size = len(data).to_bytes(3, "big")
    copy = b"\x62" + size + b"\x61" + (0).to_bytes(2, "big") + b"\x5f\x39"
    call = b"\x5f\x5f\x62" + size + b"\x5f\x5f\x73" + target + b"\x5a\xf1"
    end = len(copy) + len(call) + 8
    check = b"\x60" + bytes([end - 2]) + b"\x57\x5f\x5f\xfd\x5b\x00"
    head = copy.replace(b"\x61\x00\x00", b"\x61" + end.to_bytes(2, "big")) + call + check
    assert len(head) == end
    return head + data


async def test_a_thief_who_hides_the_session_is_seen_by_its_counters(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    async with swept(operator) as (world, sweep):
        await steal_unnamed(operator)
        await sweep.poll()
        (hold,) = await world.services.journal.holds()
        assert (hold.scope, hold.code) == (scope_of(operator), DriftCode.FOREIGN_USE)
        await chain.mine(devnet)
        await sweep.poll()
        assert await held(world) == [DriftCode.FOREIGN_USE]


class CountingNode(JsonRpc):
    """A real node's client that counts what it asks."""

    asked = 0

    async def request(self, method: str, params: Sequence[object]) -> object:  # type: ignore[override] # JSON
        self.asked += 1
        return await super().request(method, params)

    async def request_packed(self, request: PackedRequest, last: bytes) -> object:
        self.asked += 1
        return await super().request_packed(request, last)


def many_sessions() -> Iterator[SessionDefinition]:
    owner = owners_init_data(1, [ELSEWHERE])
    for number in range(SESSIONS):
        session = Session(OWNABLE_VALIDATOR, owner, Hash32(number.to_bytes(32, "big")))
        yield SessionDefinition(
            name=f"s{number}",
            chain_id=CHAIN_ID,
            account=Address(keccak256(b"wide" + bytes([number // PER_ACCOUNT]))[12:]),
            account_kind="nexus",
            key="worker",
            smart_session=SMART_SESSION,
            session=session,
            permission_id=permission_id(session),
            place=Place("sessions"),
        )


async def as_account(devnet: Devnet, account: Address, calls: Sequence[bytes]) -> None:
    """Have the node play an account, which needs no code for that."""
    await rpc.call(devnet.rpc_url, "anvil_impersonateAccount", str(account))
    await rpc.call(devnet.rpc_url, "anvil_setBalance", str(account), hex(10**21))
    await transact_all(devnet.rpc_url, [Call(SMART_SESSION, Wei(0), data) for data in calls], account)


async def test_thousands_of_sessions_take_a_handful_of_questions(devnet_snapshot: Devnet) -> None:
    devnet = devnet_snapshot
    sessions = list(many_sessions())
    for start in range(0, SESSIONS, PER_ACCOUNT):
        mine = [item.session for item in sessions[start : start + PER_ACCOUNT]]
        packs = [mine[place : place + PER_TRANSACTION] for place in range(0, len(mine), PER_TRANSACTION)]
        await as_account(devnet, sessions[start].account, [enable_sessions_call(pack) for pack in packs])
    node = CountingNode(devnet.rpc_url)
    reader = ChainRpc(CHAIN_ID, [node], finality_depth=2, multicall=MULTICALL3)
    journal = MemoryJournal()
    here = ChainContext(reader, (), devnet.entry_point, EntryPointVersion.V07)
    sweep = Sweep(Services(journal, WallClock()), here, sessions, Metrics("test", "live"))

    async def questions() -> int:
        before = node.asked
        await sweep.poll()
        return node.asked - before

    await sweep.poll()
    await chain.mine(devnet)
    assert await questions() <= MOST_CALLS

    removed, widened = sessions[7], sessions[1_234]
    wide = ActionData(erc20.TRANSFER, ELSEWHERE, (PolicyData(sudo.ADDRESS, b""),))
    await as_account(devnet, removed.account, [remove_session_call(removed.permission_id)])
    await as_account(devnet, widened.account, [enable_action_policies_call(widened.permission_id, [wide])])
    assert await questions() <= MOST_CALLS
    found = {(hold.scope.permission_id, hold.code) for hold in await journal.holds()}  # type: ignore[union-attr] # all are of sessions
    assert found == {
        (removed.permission_id, DriftCode.REMOVED),
        (widened.permission_id, DriftCode.WIDENED),
        (widened.permission_id, DriftCode.RE_ENABLED),
    }
    await reader.close()
