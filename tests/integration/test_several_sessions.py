"""One job, several sessions: the cheapest that can pay, a full one passed over, a successor preferred."""

import asyncio
from pathlib import Path

import pytest

from agent.devnet.accounts import enable_sessions
from agent.devnet.devnet import Devnet
from agent.domain.hold import Hold, SessionScope
from agent.domain.states import State
from agent.domain.units import Timestamp
from tests.acceptance.command import inside
from tests.bundling import bundling_stopped
from tests.integration.paying import due_jobs, further_session, paying, write_session
from tests.operator import an_operator

pytestmark = pytest.mark.devnet


async def test_the_cheapest_pays_and_a_full_one_is_passed_over(devnet: Devnet, tmp_path: Path) -> None:
    jobs = due_jobs(["one", "two", "three"], "sessions: [main, spare]")
    operator = await an_operator(devnet, tmp_path, jobs, uses=1)
    spare = further_session(operator, uses=1)
    await enable_sessions(devnet, operator.account, [spare])
    write_session(operator, "spare", spare)
    async with paying(operator) as world:
        async with bundling_stopped(devnet):
            one = await world.pay("one")
            two = await world.pay("two")

            three = await world.pay("three")

        assert (one.state, two.state, three.state) == (State.SENT, State.SENT, State.DUE)
        assert [await world.signed_under(run) for run in (one, two)] == ["spare", "main"]
        assert three.code == "usage_limit"
        for name in ("main", "spare"):
            assert f"{name}: usage_limit (UsageLimit on the operation): 0 of 1 uses used, 1 reserved" in (
                three.reason
            )
        assert await world.included(operator, one)
        assert await world.included(operator, two)
    shown = await asyncio.to_thread(inside, "runs", "show", str(three.id), "--json", "-c", operator.config)
    assert [(item["session"], item["limit"]) for item in shown.json["violations"]] == [
        ("main", 1),
        ("spare", 1),
    ]
    planned = await asyncio.to_thread(inside, "plan", "-n", "1", "--json", "-c", operator.config)
    (fire,) = planned.json["fires"]
    assert fire["would"] == "refuse"
    assert [(item["session"], item["used"], item["asked"]) for item in fire["violations"]] == [
        ("main", 1, 1),
        ("spare", 1, 1),
    ]


async def test_the_choice_is_the_same_in_any_order_and_every_time(devnet: Devnet, tmp_path: Path) -> None:
    jobs = [
        *due_jobs(["one"], "sessions: [main, spare]"),
        *due_jobs(["two"], "sessions: [spare, main]"),
    ]
    operator = await an_operator(devnet, tmp_path, jobs)
    spare = further_session(operator, uses=1)
    await enable_sessions(devnet, operator.account, [spare])
    write_session(operator, "spare", spare)
    async with paying(operator) as world:
        chosen = [await world.prepared(name) for name in ("one", "two", "one", "two")]

        assert [item.job.session.name for item in chosen] == ["spare"] * 4


async def test_a_held_session_is_passed_over(devnet: Devnet, tmp_path: Path) -> None:
    jobs = due_jobs(["one"], "sessions: [main, spare]")
    operator = await an_operator(devnet, tmp_path, jobs)
    spare = further_session(operator, uses=1)
    await enable_sessions(devnet, operator.account, [spare])
    write_session(operator, "spare", spare)
    async with paying(operator) as world:
        main = world.world.jobs["one"].sessions[0]
        definition = world.world.jobs["one"].definition
        scope = SessionScope(definition.chain_id, definition.account, main.permission_id)
        await world.world.services.journal.hold(Hold(scope, "drift", "a test", Timestamp(1)))

        run = await world.pay("one")

        assert (run.state, await world.signed_under(run)) == (State.SENT, "spare")


async def test_a_successor_signs_as_soon_as_it_is_enabled(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs(["one", "two"]))
    heir = further_session(operator, uses=5)
    write_session(operator, "heir", heir, succeeds="main")
    async with paying(operator) as world:
        before = await world.pay("one")
        await enable_sessions(devnet, operator.account, [heir])

        after = await world.pay("two")

        assert [await world.signed_under(run) for run in (before, after)] == ["main", "heir"]
