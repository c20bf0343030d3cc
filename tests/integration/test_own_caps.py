"""What the pipeline does for kinds on the local chain: caps of their own, outcomes, and a hurry."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.bootstrap import World
from agent.commands.job_caps import job_caps
from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.domain.evaluation import Act, ChainView, Delivered, Delivery, Evaluation, NotDelivered, Read
from agent.domain.job_caps import JobCapKey
from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.units import Address, Timestamp
from agent.domain.utc_day import DAY_S, day_of, next_day
from agent.domain.watching import JobCap, Spend
from agent.pipeline.follow import LogScan
from agent.pipeline.occurrence import pay
from agent.pipeline.pump import DuePump
from agent.pipeline.settle import settlement
from jobs import erc20
from jobs.subscription import Subscription, SubscriptionSpec
from tests.devnet import HAPPENS_WITHIN_S, POLL_S
from tests.integration.paying import Paying, due_jobs, paying
from tests.operator import PAYEE, an_operator

pytestmark = pytest.mark.devnet
USDC = 1_000_000
GWEI = 10**9


@dataclass(frozen=True)
class Careful(Subscription):
    """A subscription with caps, a hurry, and a look at what the payee has afterwards."""

    caps_of: tuple[JobCap, ...] = ()
    percent: int = 100
    read: Callable[[SubscriptionSpec], Read] | None = None
    at_least: int = 0

    def caps(self, spec: SubscriptionSpec) -> tuple[JobCap, ...]:
        return self.caps_of

    def evaluate(self, spec: SubscriptionSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        found = super().evaluate(spec, view, occurrence)
        assert set(view.left) == {cap.name for cap in self.caps_of}
        if not isinstance(found, Act):
            return found
        spends = tuple(Spend(cap.name, spec.amount.base_units) for cap in self.caps_of)
        return replace(found, spends=spends, priority_percent=self.percent)

    def outcome_reads(self, spec: SubscriptionSpec, account: Address) -> tuple[Read, ...]:
        return (self.read(spec),) if self.read else ()

    def outcome(self, spec: SubscriptionSpec, account: Address, view: ChainView) -> Delivery:
        (read,) = self.outcome_reads(spec, account)
        held = view.uint(read)
        assert held is not None
        if held >= self.at_least:
            return Delivered()
        return NotDelivered("too_little", f"{held} held, {self.at_least} expected")


def payees_balance(spec: SubscriptionSpec) -> Read:
    assert spec.amount.token.address is not None
    return erc20.balance_of(spec.amount.token.address, PAYEE)


def nothing_there(_: SubscriptionSpec) -> Read:
    return Read(PAYEE, b"\1\2\3\4")


def per_day(limit: int) -> JobCap:
    return JobCap("paid_per_day", limit, per_day=True, unit="USDC", decimals=6)


def in_all(limit: int) -> JobCap:
    return JobCap("paid_in_all", limit, per_day=False, unit="USDC", decimals=6)


@asynccontextmanager
async def working(devnet: Devnet, folder: Path, kinds: Mapping[str, Careful]) -> AsyncIterator[Paying]:
    """Open a world whose jobs are of these kinds."""
    operator = await an_operator(devnet, folder, due_jobs(tuple(kinds)))
    async with paying(operator) as work:
        jobs = {name: replace(job, kind=kinds[name]) for name, job in work.world.jobs.items()}
        definitions = replace(
            work.world.definitions,
            kinds={**work.world.definitions.kinds, "subscription": next(iter(kinds.values()))},
        )
        yield Paying(replace(work.world, jobs=jobs, definitions=definitions), work.runs)


async def followed(devnet: Devnet, work: Paying, run: Occurrence, *ends: State) -> Occurrence:
    """Follow a run, with blocks coming, until it is in one of these states."""
    scan = LogScan()
    async with asyncio.timeout(HAPPENS_WITHIN_S):
        while run.state not in ends:
            run = await work.look(run, scan)
            await chain.mine(devnet)
            await asyncio.sleep(POLL_S)
    return run


async def settled(work: Paying, run: Occurrence) -> Occurrence:
    change = settlement(run, await work.world.services.clock.now())
    assert change is not None
    return await work.world.services.journal.record(change)


async def next_run(world: World, job: str) -> Occurrence:
    """Make the job's next period due, a day ahead of the clock."""
    due: list[Occurrence] = []
    pump = DuePump(world.services.journal, {job: world.jobs[job].definition}, due.append)
    await pump.tick(Timestamp(await world.services.clock.now() + DAY_S))
    (run,) = due
    return run


async def test_a_cap_is_held_from_the_plan_on_and_frees_with_the_day(devnet: Devnet, tmp_path: Path) -> None:
    kind = Careful(caps_of=(per_day(1_500_000), in_all(5 * USDC)), percent=300)
    async with working(devnet, tmp_path, {"rent": kind}) as work:
        world, job = work.world, work.world.jobs["rent"]
        journal, now = world.services.journal, await world.services.clock.now()
        day, total = JobCapKey("rent", "paid_per_day", day_of(now)), JobCapKey("rent", "paid_in_all")

        run = await work.taken("rent")
        reserved = await journal.reserved()
        assert (reserved[str(day)], reserved[str(total)]) == (USDC, USDC)
        (operation,) = await journal.operations(run.id)
        usual = await job.chain.reader.priority_fee()
        assert operation.operation.max_priority_fee_per_gas >= 3 * usual * 9 // 10

        second = await pay(world.services, job, await next_run(world, "rent"))
        assert (second.state, second.code) == (State.DUE, "job_cap_reached")
        assert "1 USDC asked, 0.5 USDC left of 1.5 USDC" in second.reason
        # What is in flight may still come to nothing.
        assert second.not_before < next_day(now)

        run = await settled(work, await followed(devnet, work, run, State.FINAL_OK))
        assert await journal.spent() == {str(day): USDC, str(total): USDC}
        assert str(day) not in await journal.reserved()
        second = await pay(world.services, job, second)
        assert (second.state, second.code, second.not_before) == (
            State.DUE,
            "job_cap_reached",
            next_day(now),
        )
        shown = await job_caps(world.definitions, journal, now)
        assert [(use.cap.name, use.used, use.reserved, use.left) for use in shown] == [
            ("paid_per_day", USDC, 0, 500_000),
            ("paid_in_all", USDC, 0, 4 * USDC),
        ]


async def test_what_a_total_has_no_room_for_is_left_undone(devnet: Devnet, tmp_path: Path) -> None:
    async with working(devnet, tmp_path, {"rent": Careful(caps_of=(in_all(USDC - 1),))}) as work:
        run = await work.pay("rent")
        assert (run.state, run.code) == (State.SKIPPED, "job_cap_reached")
        assert "1 USDC asked, 0.999999 USDC left" in run.reason
        assert "raise paid_in_all in the job's file" in run.reason
        assert await work.world.services.journal.reserved() == {}


async def test_the_outcome_is_read_where_the_operation_was_included(devnet: Devnet, tmp_path: Path) -> None:
    kinds = {
        "good": Careful(read=payees_balance, at_least=1),
        "poor": Careful(read=payees_balance, at_least=10**30),
        "blind": Careful(read=nothing_there),
    }
    async with working(devnet, tmp_path, kinds) as work:
        found = {}
        for name in kinds:
            run = await work.taken(name)
            found[name] = await followed(devnet, work, run, State.FINAL_OK, State.HELD)
        assert {name: (run.state, run.code) for name, run in found.items()} == {
            "good": (State.FINAL_OK, ""),
            "poor": (State.HELD, "not_delivered"),
            "blind": (State.HELD, "delivery_unknown"),
        }
        assert "too_little" in found["poor"].reason
        assert "cannot be read" in found["blind"].reason
