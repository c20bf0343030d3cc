"""What owners and thieves do to a session is seen at the next look, and holds its sends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.bootstrap import Store, World, opened
from agent.cli.loading import load_definitions, settings_for
from agent.commands.session_release import NoReason, StillDiffers, release_session
from agent.devnet import chain
from agent.devnet.accounts import enable_sessions, send_as_owner
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import read
from agent.domain.call import Call
from agent.domain.errors import NotFound
from agent.domain.hold import Hold, SessionScope
from agent.domain.session import ActionData, PolicyData
from agent.domain.units import Address, Timestamp, Wei
from agent.erc7579.modules import (
    previous_validator,
    read_validators,
    uninstall_validator_call,
    validators_call,
)
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.drift import DriftCode
from agent.smart_sessions.encoding import (
    disable_user_op_policies_call,
    enable_action_policies_call,
    enable_user_op_policies_call,
    permit_paymaster_call,
    remove_session_call,
    revoke_enable_signature_call,
)
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies import sudo, usage_limit, value_limit
from agent.telemetry.metrics import Metrics
from agent.worker import drift
from agent.worker.drift import Sweep
from jobs import erc20
from tests.integration.scenes import Scene, include
from tests.operator import CHAIN_ID, YEAR_S, Operator, an_operator

pytestmark = pytest.mark.devnet

Act = Callable[[Operator], Awaitable[object]]
ELSEWHERE = Address(bytes(19) + b"\x77")


def scope_of(operator: Operator) -> SessionScope:
    return SessionScope(CHAIN_ID, operator.account.address, permission_id(operator.session))


@asynccontextmanager
async def swept(operator: Operator) -> AsyncIterator[tuple[World, Sweep]]:
    """Open the operator's folder and look at the session for the first time."""
    settings = settings_for(operator.config)
    definitions = load_definitions(settings, with_jobs=False)
    async with opened(settings, definitions, store=Store.WORKER, keys=False) as world:
        yield world, await a_sweep(world)


async def a_sweep(world: World) -> Sweep:
    """Return the sweep of a worker that has just started."""
    sessions = world.definitions.sessions.values()
    sweep = Sweep(world.services, world.chains[CHAIN_ID], sessions, Metrics("test", "live"))
    await sweep.poll()
    return sweep


async def held(world: World) -> list[str]:
    return [hold.code for hold in await world.services.journal.holds()]


async def clear(world: World) -> None:
    for hold in await world.services.journal.holds():
        await world.services.journal.release_hold(hold.scope, hold.code, "looked at it", Timestamp(1))


def by_owner(*data: bytes) -> Act:
    """Have the owner's account call the module."""

    async def act(operator: Operator) -> None:
        calls = [Call(SMART_SESSION, Wei(0), one) for one in data]
        await send_as_owner(operator.devnet, operator.account, calls)

    return act


async def remove(operator: Operator) -> None:
    await by_owner(remove_session_call(permission_id(operator.session)))(operator)


async def revoke(operator: Operator) -> None:
    await by_owner(revoke_enable_signature_call(permission_id(operator.session)))(operator)


async def enable_again(operator: Operator) -> None:
    await enable_sessions(operator.devnet, operator.account, [operator.session])


async def widen(operator: Operator) -> None:
    everywhere = ActionData(erc20.TRANSFER, ELSEWHERE, (PolicyData(sudo.ADDRESS, b""),))
    await by_owner(enable_action_policies_call(permission_id(operator.session), [everywhere]))(operator)


async def drop_a_limit(operator: Operator) -> None:
    permission = permission_id(operator.session)
    await by_owner(disable_user_op_policies_call(permission, [usage_limit.ADDRESS]))(operator)


async def add_a_limit(operator: Operator) -> None:
    value = PolicyData(value_limit.ADDRESS, value_limit.encode(value_limit.ValueLimit(Wei(1))))
    await by_owner(enable_user_op_policies_call(permission_id(operator.session), [value]))(operator)


async def permit_a_paymaster(operator: Operator) -> None:
    await by_owner(permit_paymaster_call(permission_id(operator.session), permit=True))(operator)


async def uninstall(operator: Operator) -> None:
    devnet, account = operator.devnet, operator.account
    previous: dict[str, Address] = {}
    if account.kind.lists_validators:
        listed = read_validators(await read(devnet.rpc_url, account.address, validators_call()))
        previous = {"previous": previous_validator(listed, SMART_SESSION)}
    data = uninstall_validator_call(account.kind, SMART_SESSION, **previous)
    await send_as_owner(devnet, account, [Call(account.address, Wei(0), data)])


async def steal(operator: Operator) -> None:
    scene = Scene(operator.devnet, operator.account, operator.session, operator.session_key)
    await include(operator.devnet, [await scene.op([scene.transfer(1)], lane=7)])


@pytest.mark.parametrize(
    ("act", "codes"),
    [
        (remove, {DriftCode.REMOVED}),
        (revoke, {DriftCode.REVOKED}),
        (enable_again, {DriftCode.RE_ENABLED}),
        (widen, {DriftCode.WIDENED, DriftCode.RE_ENABLED}),
        (drop_a_limit, {DriftCode.WIDENED}),
        (add_a_limit, {DriftCode.CHANGED, DriftCode.RE_ENABLED}),
        (permit_a_paymaster, {DriftCode.PAYMASTER_CHANGED}),
        (uninstall, {DriftCode.UNINSTALLED}),
        (steal, {DriftCode.FOREIGN_USE}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_every_change_is_seen_at_the_next_look(
    devnet: Devnet, tmp_path: Path, act: Act, codes: set[DriftCode]
) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    async with swept(operator) as (world, sweep):
        assert await held(world) == []
        await act(operator)
        block = await chain.block_number(devnet)
        await sweep.poll()

        assert set(await held(world)) == {code.value for code in codes}
        assert {hold.scope for hold in await world.services.journal.holds()} == {scope_of(operator)}
        # Nothing is found twice, also by a worker that starts anew.
        before = await world.services.journal.entries()
        await chain.mine(devnet)
        await sweep.poll()
        await a_sweep(world)
        assert await world.services.journal.entries() == before
        assert await chain.block_number(devnet) > block


async def test_what_happened_is_over_once_it_is_cleared(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    async with swept(operator) as (world, sweep):
        for act in (enable_again, revoke, steal):
            await act(operator)
        await sweep.poll()
        assert len(await held(world)) == 3
        await clear(world)
        await chain.mine(devnet)
        await sweep.poll()
        await a_sweep(world)
        assert await held(world) == []
        await steal(operator)
        await sweep.poll()
        assert await held(world) == [DriftCode.FOREIGN_USE]


async def test_what_is_still_so_is_held_anew_unless_it_was_accepted(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    async with swept(operator) as (world, sweep):
        await drop_a_limit(operator)
        await sweep.poll()
        await clear(world)
        await chain.mine(devnet)
        await sweep.poll()
        (hold,) = await world.services.journal.holds()
        assert hold.code == DriftCode.WIDENED
        await world.services.journal.release_hold(
            hold.scope, hold.code, "we want it so", Timestamp(1), accepted=True
        )
        await chain.mine(devnet)
        await sweep.poll()
        assert await held(world) == []


async def test_what_changed_while_nobody_looked_is_seen_at_the_start(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    async with swept(operator) as (world, _):
        await enable_again(operator)
        await steal(operator)
        await chain.mine(devnet, 5)
        await a_sweep(world)
        assert set(await held(world)) == {DriftCode.RE_ENABLED, DriftCode.FOREIGN_USE}
        watched = await world.services.journal.watched(CHAIN_ID)
        assert watched.newest()[scope_of(operator)].number == 2


async def test_a_use_in_the_place_of_a_block_that_was_swept_is_seen_at_the_start(
    devnet_snapshot: Devnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devnet = devnet_snapshot
    monkeypatch.setattr(drift, "NOTE_EVERY", 1)
    operator = await an_operator(devnet, tmp_path, [])
    async with swept(operator) as (world, sweep):
        before = await chain.snapshot(devnet)
        await chain.mine(devnet)
        await sweep.poll()
        await chain.revert(devnet, before)
        await steal(operator)
        # It is final before anybody looks again.
        await chain.mine(devnet, 5)
        await a_sweep(world)
        assert await held(world) == [DriftCode.FOREIGN_USE]


async def test_a_session_that_ends_is_held(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    async with swept(operator) as (world, _):
        sessions = world.definitions.sessions
        assert sessions["main"].expires_at is not None
        services, here = world.services, world.chains[CHAIN_ID]
        head = await here.reader.block("latest")
        later = replace(head, timestamp=Timestamp(head.timestamp + 10 * YEAR_S))
        await Sweep(services, here, sessions.values(), Metrics("test", "live")).sweep(later)
        assert await held(world) == [DriftCode.EXPIRED]


async def test_a_session_that_was_never_granted_has_not_drifted(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    await remove(operator)
    async with swept(operator) as (world, sweep):
        assert await held(world) == []
        await enable_again(operator)
        await sweep.poll()
        await chain.mine(devnet)
        await sweep.poll()
        assert await held(world) == []


async def test_a_node_that_does_not_answer_changes_nothing(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    async with swept(operator) as (world, sweep):
        await remove(operator)
        await sweep.poll()
        before: tuple[Hold, ...] = await world.services.journal.holds()
        operator.config.write_text(operator.config.read_text().replace(devnet.rpc_url, "http://127.0.0.1:9"))
        definitions = load_definitions(settings_for(operator.config), with_jobs=False)
        async with opened(settings_for(operator.config), definitions, store=Store.NONE, keys=False) as dark:
            chains = dark.chains[CHAIN_ID]
            await Sweep(world.services, chains, definitions.sessions.values(), Metrics("t", "live")).poll()
        assert await world.services.journal.holds() == before != ()


async def test_a_reorg_that_undoes_a_re_enable_takes_its_epoch_back(
    devnet_snapshot: Devnet, tmp_path: Path
) -> None:
    devnet = devnet_snapshot
    operator = await an_operator(devnet, tmp_path, [])
    async with swept(operator) as (world, sweep):
        before = await chain.snapshot(devnet)
        await enable_again(operator)
        await sweep.poll()
        assert (await world.services.journal.watched(CHAIN_ID)).epochs[-1].number == 2
        seen = await chain.block_number(devnet)
        await chain.revert(devnet, before)
        # Nothing is judged by a chain that is shorter than the one seen before.
        await chain.mine(devnet, max(1, seen - await chain.block_number(devnet) + 1))
        await sweep.poll()
        assert (await world.services.journal.watched(CHAIN_ID)).epochs[-1].number == 1
        assert await held(world) == [DriftCode.RE_ENABLED]


async def test_a_release_wants_a_reason_and_a_clean_comparison(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    async with swept(operator) as (world, sweep):
        journal, here = world.services.journal, world.chains[CHAIN_ID]
        main = world.definitions.sessions["main"]

        async def release(reason: str, *, differs: bool = False) -> list[tuple[str, bool]]:
            let_go = await release_session(
                journal, here, main, Timestamp(1), reason=reason, although_it_differs=differs
            )
            return [(hold.code, hold.accepted) for hold in let_go]

        with pytest.raises(NotFound):
            await release("nothing is held")
        await remove(operator)
        await sweep.poll()
        with pytest.raises(NoReason):
            await release(" ")
        with pytest.raises(StillDiffers, match="not have the session enabled"):
            await release("too early")
        assert await release("we know", differs=True) == [("session_removed", True)]

        await enable_again(operator)
        await sweep.poll()
        assert await release("granted anew") == [("session_re_enabled", False)]
        assert await held(world) == []
        await drop_a_limit(operator)
        await sweep.poll()
        with pytest.raises(StillDiffers, match="UsageLimit"):
            await release("too wide")
