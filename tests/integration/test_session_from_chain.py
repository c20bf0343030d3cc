"""Sessions read back from the local chain: each policy, each change an owner makes, and without a file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.json_rpc import JsonRpc
from agent.cli.sessions_chain import sessions_found
from agent.commands.session_from_chain import SessionsFound
from agent.devnet.accounts import SmartAccount, enable_sessions, install_smart_sessions, send_as_owner
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.session import ActionData, ERC7739Context, ERC7739Data, PolicyData
from agent.domain.units import Address, ChainId, Hash32, Wei
from agent.erc7579.accounts import KERNEL, NEXUS, SAFE7579, AccountKind
from agent.pipeline.session_reading import granted_sessions, read_together, with_paymaster_flags
from agent.smart_sessions.addresses import FALLBACK_SELECTOR, PSEUDO_TARGET, SMART_SESSION
from agent.smart_sessions.compare import differences
from agent.smart_sessions.discovery import discovery
from agent.smart_sessions.encoding import (
    disable_action_call,
    enable_sessions_call,
    encode_session,
    permit_paymaster_call,
    remove_session_call,
)
from agent.smart_sessions.grant import Grant
from agent.smart_sessions.ids import action_id, permission_id
from agent.smart_sessions.on_chain import Location, OnChainSession
from agent.smart_sessions.rebuild import Source, every_policy
from agent.smart_sessions.session_reads import read_plan
from tests.devnet import a_key, an_account
from tests.devnet_config import write_config
from tests.integration.enabling import a_scene_to_enable, enabling_op, granted
from tests.integration.policies import (
    AT_MOST,
    EQUAL,
    arg,
    or_node,
    rule,
    rule_node,
    simple_gas,
    spending,
    sudo,
    time_frame,
    transfers,
    uni_action,
    usage,
    value,
    whitelist,
)
from tests.integration.scenes import PAYEE, TRANSFER, Scene, a_scene, a_session, include

pytestmark = pytest.mark.devnet

END = 2_000_000_000


@asynccontextmanager
async def reading(devnet: Devnet) -> AsyncIterator[ChainRpc]:
    reader = ChainRpc(devnet.chain_id, [JsonRpc(devnet.rpc_url)], multicall=devnet.contracts["Multicall3"])
    try:
        yield reader
    finally:
        await reader.close()


async def found(scene: Scene) -> OnChainSession:
    """Read the scene's session back, as its grant names it."""
    grant = Grant(
        scene.devnet.chain_id, SMART_SESSION, scene.account.address, scene.permission_id, scene.session
    )
    async with reading(scene.devnet) as reader:
        seen = await granted_sessions(reader, [read_plan(grant)], "latest")
        return (await with_paymaster_flags(reader, seen, "latest"))[0]


async def codes(scene: Scene) -> list[tuple[str, bool]]:
    told = differences(scene.session, await found(scene))
    return [(item.code.value, item.widens) for item in told]


async def as_owner(scene: Scene, *calls: bytes) -> None:
    await send_as_owner(scene.devnet, scene.account, [Call(SMART_SESSION, Wei(0), data) for data in calls])


def everything(devnet: Devnet) -> list[ActionData]:
    """Use each of the policies on actions, with several entries where there can be several."""
    rules = uni_action(rule(EQUAL, 0, int.from_bytes(PAYEE, "big")), rule(AT_MOST, 32, 10, 90))
    tree = arg(
        rule(EQUAL, 0, int.from_bytes(PAYEE, "big")),
        rule(AT_MOST, 32, 10, 90),
        nodes=[rule_node(0), rule_node(1), or_node(1, 0)],
        value_limit_wei=5,
    )
    fallback = ActionData(FALLBACK_SELECTOR, PSEUDO_TARGET, (whitelist(devnet.usdc, PAYEE), usage(9)))
    policies = (spending(devnet.usdc, 100), rules, tree, usage(5), value(7), time_frame(END, 1), sudo())
    return [transfers(devnet, *policies), fallback]


ON_OPERATIONS = (sudo(), time_frame(END, 5), usage(4), value(3), simple_gas(10**9, 10**20))


async def test_each_policy_is_read_back_as_the_init_data_that_made_it(devnet: Devnet) -> None:
    scene = await a_scene(devnet, everything(devnet), ON_OPERATIONS, permit_paymaster=True)
    assert await codes(scene) == []
    place = Location(SMART_SESSION, scene.account.address, scene.permission_id)
    async with reading(devnet) as reader:
        (seen,) = await read_together(reader, [discovery(place, [PAYEE, devnet.usdc])], "latest")
    granted_policies = [
        *scene.session.user_op_policies,
        *(policy for action in scene.session.actions for policy in action.action_policies),
    ]
    told = [(item.policy, item.init_data) for item in every_policy(seen)]
    assert told == [(item.policy, as_set(item)) for item in granted_policies]


async def test_use_moves_counters_and_nothing_that_is_compared(devnet: Devnet) -> None:
    scene = await a_scene(devnet, everything, (time_frame(0, 5), usage(4), simple_gas(10**9, 10**20)))
    grant = Grant(devnet.chain_id, SMART_SESSION, scene.account.address, scene.permission_id, scene.session)
    plan = read_plan(grant)
    async with reading(devnet) as reader:
        before = [
            item if isinstance(item, bytes) else None for item in await reader.calls(plan.calls, "latest")
        ]
        await include(devnet, [await scene.op([scene.transfer(2)])])
        after = [
            item if isinstance(item, bytes) else None for item in await reader.calls(plan.calls, "latest")
        ]
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 6
    assert await codes(scene) == []


async def test_what_an_owner_changes_is_told_and_nothing_else(devnet: Devnet) -> None:
    scene = await a_scene(devnet, everything, ON_OPERATIONS)
    await as_owner(scene, permit_paymaster_call(scene.permission_id, permit=True))
    assert await codes(scene) == [("paymaster_flag_changed", True)]

    transfer = action_id(devnet.usdc, TRANSFER)
    await as_owner(
        scene,
        permit_paymaster_call(scene.permission_id, permit=False),
        disable_action_call(scene.permission_id, transfer),
    )
    # The fallback action takes over what the own action of a call no longer refuses.
    assert await codes(scene) == [("action_missing", True)]

    wider = replace(
        scene.session,
        user_op_policies=(usage(5),),
        actions=(*scene.session.actions, transfers(devnet, sudo()), ActionData(TRANSFER, PAYEE, (sudo(),))),
    )
    await as_owner(scene, enable_sessions_call([wider]))
    assert await codes(scene) == [("policy_config_changed", True), ("action_added", True)]

    await as_owner(scene, remove_session_call(scene.permission_id))
    assert await codes(scene) == [("not_enabled", False)]
    await as_owner(scene, enable_sessions_call([scene.session]))
    assert await codes(scene) == []


@pytest.mark.parametrize("policies", [(), (sudo(),), (time_frame(1, 0),), (value(1), usage(1))])
async def test_the_paymaster_flag_is_known_whatever_guards_operations(
    devnet: Devnet, policies: tuple[PolicyData, ...]
) -> None:
    key = a_key()
    sessions = [
        replace(
            a_session(key, [transfers(devnet, sudo())], policies, permit_paymaster=permit), salt=salt(permit)
        )
        for permit in (False, True)
    ]
    account = await an_account(devnet, sessions=sessions)
    scenes = [Scene(devnet, account, session, key) for session in sessions]
    assert [(await found(scene)).permit_paymaster for scene in scenes] == [False, True]


@pytest.mark.parametrize("kind", [NEXUS, KERNEL, SAFE7579])
async def test_a_session_granted_by_somebody_else_is_rebuilt_to_the_byte(
    devnet: Devnet, tmp_path: Path, kind: AccountKind
) -> None:
    account = await an_account(devnet, kind=kind)
    await install_smart_sessions(devnet, account)
    session = replace(
        a_session(a_key(), everything(devnet), ON_OPERATIONS),
        salt=Hash32(a_key()),
        erc7739_policies=ERC7739Data((ERC7739Context(Hash32(a_key()), ("Permit(uint a)",)),), (sudo(),)),
    )
    await enable_sessions(devnet, account, [session])
    (item,) = (await listed(devnet, tmp_path, account)).sessions
    assert item.source is Source.CALLDATA
    assert item.session is not None
    assert encode_session(item.session) == encode_session(session)
    assert permission_id(item.session) == item.found.location.permission_id


async def test_a_session_enabled_by_a_signature_is_rebuilt_to_the_byte(
    devnet: Devnet, tmp_path: Path
) -> None:
    scene = await a_scene_to_enable(devnet)
    scene = replace(scene, session=replace(scene.session, salt=Hash32(a_key())))
    await include(devnet, [await enabling_op(scene, await granted(scene))])
    (item,) = (await listed(devnet, tmp_path, scene.account)).sessions
    assert (item.source, item.session) == (Source.CALLDATA, scene.session)


async def test_a_session_changed_since_is_rebuilt_from_what_is_in_force(
    devnet: Devnet, tmp_path: Path
) -> None:
    scene = await a_scene(devnet, [transfers(devnet, spending(devnet.usdc, 100))], (usage(4),))
    extra = ActionData(bytes.fromhex("12345678"), PAYEE, (usage(2),))
    await as_owner(scene, enable_sessions_call([replace(scene.session, actions=(extra,))]))
    (item,) = (await listed(devnet, tmp_path, scene.account)).sessions
    whole = replace(scene.session, actions=(*scene.session.actions, extra))
    assert (item.source, item.session) == (Source.STATE, whole)


async def test_what_nobody_can_know_is_said(devnet: Devnet, tmp_path: Path) -> None:
    scene = await a_scene(devnet, [ActionData(bytes.fromhex("12345678"), PAYEE, (usage(2),))])
    (item,) = (await listed(devnet, tmp_path, scene.account, from_block=2**40)).sessions
    # Only the zero salt, which most tools use, can be guessed.
    assert item.session is None
    assert [line.split(":")[0] for line in item.unknown] == [
        f"target and selector of the action {action_id(PAYEE, bytes.fromhex('12345678'))}"
    ]


async def listed(
    devnet: Devnet, folder: Path, account: SmartAccount, *, from_block: int = 0
) -> SessionsFound:
    write_config(devnet, folder, a_key())
    only = (ChainId(devnet.chain_id), Address(account.address))
    (found,) = await asyncio.to_thread(sessions_found, folder, only, from_block)
    assert found.account_kind == account.kind.name
    return found


def as_set(item: PolicyData) -> bytes:
    """Return the init data with its addresses sorted, where the contract keeps a set."""
    if item.policy != whitelist(PAYEE).policy:
        return item.init_data
    starts = range(0, len(item.init_data), 20)
    return b"".join(sorted(item.init_data[start : start + 20] for start in starts))


def salt(number: int) -> Hash32:
    return Hash32(number.to_bytes(32, "big"))
