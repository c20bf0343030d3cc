"""A session that nobody enabled: the owner signs once, and its first operation brings it on chain."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.bootstrap import Store, opened
from agent.cli.loading import load_definitions, settings_for
from agent.devnet import chain
from agent.devnet.accounts import enable_sessions, send_as_owner
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.units import Hash32, Wei
from agent.erc7579.accounts import AccountKind
from agent.pipeline.preflight import Look, look
from agent.pipeline.session_signature import session_signature
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.encoding import remove_session_call, revoke_enable_signature_call
from agent.smart_sessions.preflight import limits
from tests.integration.enabling import is_enabled
from tests.integration.kinds import every_kind
from tests.integration.scenes import include
from tests.integration.signing import (
    an_operator_to_sign_for,
    codes,
    grant,
    journaled,
    next_day,
    payments,
    run_once,
    scene_of,
    states,
    wait,
)
from tests.operator import Operator

pytestmark = pytest.mark.devnet

LOOKS = 10


@asynccontextmanager
async def worker_looking(operator: Operator) -> AsyncIterator[Look]:
    """See the session as the worker would now, with a journal that is empty."""
    settings = settings_for(operator.config)
    async with opened(settings, load_definitions(settings), store=Store.NONE, keys=True) as world:
        job = world.jobs["rent"]
        (seen,) = await look(world.services, job, await job.chain.reader.block("latest"))
        yield seen


async def mode_now(operator: Operator) -> Mode:
    async with worker_looking(operator) as seen:
        assert seen.usable
        return seen.mode


async def used(operator: Operator) -> int:
    async with worker_looking(operator) as seen:
        return next(use.used for use in limits(seen.grant, seen.counters) if use.unit == "uses")


async def as_owner(operator: Operator, data: bytes) -> None:
    await send_as_owner(operator.devnet, operator.account, [Call(SMART_SESSION, Wei(0), data)])


def permission(operator: Operator) -> Hash32:
    return scene_of(operator).permission_id


@every_kind
async def test_first_payment_enables_and_the_next_uses(
    devnet: Devnet, tmp_path: Path, kind: AccountKind
) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path, kind)
    signature = await grant(operator)
    file = tmp_path / "sessions" / "main.enable.json"
    assert signature[2:] in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    await run_once(operator)
    assert not await is_enabled(scene_of(operator))

    for period in (1, 2):
        assert await states(operator) == ["unused" if period == 1 else "used"]
        await next_day(operator)

        assert await payments(operator) == period
        assert await is_enabled(scene_of(operator))


async def test_of_two_jobs_only_one_enables(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path, jobs=("rent", "hosting"))
    await grant(operator)
    await run_once(operator)
    await next_day(operator)
    # The second one looks again when a quarter of its lateness has passed, and then finds it enabled; so does
    # either after a bundler too busy to answer.
    for _ in range(LOOKS):
        if await payments(operator) < 2:
            await wait(operator, 60)

    assert await payments(operator) == 2
    assert await used(operator) == 2
    modes = sorted(item.operation.signature[0] for item in await journaled(operator))
    assert modes == [Mode.USE, Mode.ENABLE]


async def test_a_revoked_signature_is_not_used(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    await grant(operator)
    await run_once(operator)
    await as_owner(operator, revoke_enable_signature_call(permission(operator)))
    assert await states(operator) == ["void"]
    await next_day(operator)

    assert await codes(operator) == ["enable_nonce_moved"]
    assert await journaled(operator) == []


async def test_a_session_that_its_owner_removed_stays_removed(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    await grant(operator)
    await run_once(operator)
    # Enabled by a call, the signature is not used up: removing the session leaves it good.
    await enable_sessions(devnet, operator.account, [operator.session])
    assert (await states(operator), await mode_now(operator)) == (["spare"], Mode.USE)
    await as_owner(operator, remove_session_call(permission(operator)))
    assert await states(operator) == ["unused"]
    await next_day(operator)

    assert await codes(operator) == ["session_removed"]
    assert not await is_enabled(scene_of(operator))


async def test_a_session_that_a_reorganisation_took_back_is_enabled_again(
    devnet_snapshot: Devnet, tmp_path: Path
) -> None:
    devnet = devnet_snapshot
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    await grant(operator)
    scene = scene_of(operator)
    op = await scene.op([scene.transfer(1)])
    async with worker_looking(operator) as seen:
        signature = session_signature(seen.session, seen.mode, scene.inner_signature(op))
    enabling = replace(op, signature=signature)
    before = await chain.snapshot(devnet)
    await include(devnet, [enabling])
    assert (await mode_now(operator), await used(operator)) == (Mode.USE, 1)

    await chain.revert(devnet, before)

    assert (await mode_now(operator), await used(operator)) == (Mode.ENABLE, 0)
    await include(devnet, [enabling])
    assert await is_enabled(scene)
