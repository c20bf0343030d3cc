"""Breakers count what is journaled, hold once, and start anew after a reset."""

from dataclasses import replace

import pytest

from agent.adapters.memory import MemoryJournal
from agent.domain.breakers import CLOCK, ERRORS, FEES, REVERTS, SPEND, BreakerLimits
from agent.domain.budget import LimitKey
from agent.domain.errors import Held, StoreUnavailable
from agent.domain.hold import AccountScope, ChainScope, JobScope, Scope
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event
from agent.domain.token import Token, TokenAmount
from agent.domain.units import Address, Timestamp, Wei
from agent.pipeline.context import Services
from agent.ports import Block
from agent.telemetry.metrics import Metrics
from agent.worker.breakers import Breakers
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash
from tests.contract.journals import a_job, claimed, included, plan, room, sent, sign, tell

LIMITS = BreakerLimits(reverts=2, errors=3)


class StillClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = NOW

    async def now(self) -> Timestamp:
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Never asked."""


class Watched:
    """Breakers over a journal."""

    def __init__(self, limits: BreakerLimits = LIMITS) -> None:
        self.journal, self.clock = MemoryJournal(), StillClock()
        self.metrics = Metrics("0", "test")
        self.limits = limits
        self.breakers = self.restarted()

    def restarted(self) -> Breakers:
        """Return the breakers of a worker that was started anew."""
        return Breakers(Services(self.journal, self.clock), {CHAIN_ID: self.limits}, self.metrics)

    async def holds(self) -> list[tuple[Scope, str]]:
        """Return what is held."""
        return [(hold.scope, hold.code) for hold in await self.journal.holds()]


async def reverted(watched: Watched, job: str, *seeds: int) -> None:
    """Let runs of a job revert, one after the other."""
    rows = await claimed(watched.journal, *(a_job(f"{job}-{seed}") for seed in seeds))
    for seed, row in zip(seeds, rows, strict=True):
        await included(watched.journal, await sent(watched.journal, row, seed), success=False)


async def refused(watched: Watched, *jobs: str) -> list[Occurrence]:
    """Let the bundler refuse a run of each job."""
    rows = await claimed(watched.journal, *(a_job(name) for name in jobs))
    return [
        await tell(watched.journal, await sent(watched.journal, row, row.id), Event.ANSWER, code="aa24")
        for row in rows
    ]


async def test_a_burst_of_refusals_holds_the_account_and_says_both_numbers() -> None:
    watched = Watched()
    await refused(watched, "rent", "gym")
    await watched.breakers.look()
    assert await watched.holds() == []

    await refused(watched, "tax")
    await watched.breakers.look()
    assert await watched.holds() == [(AccountScope(CHAIN_ID, ACCOUNT), ERRORS)]
    (hold,) = await watched.journal.holds()
    assert hold.reason == "3 refusals within 10m, 3 of them aa24; 3 stop it"
    assert 'sessionkeeper_breaker_trips_total{code="breaker_errors"} 1.0' in watched.metrics.render().decode()


async def test_what_tripped_is_held_by_the_journal() -> None:
    watched = Watched()
    await refused(watched, "rent", "gym", "tax")
    await watched.breakers.look()
    (row,) = await claimed(watched.journal, a_job("new"))
    with pytest.raises(Held, match="breaker_errors"):
        await plan(watched.journal, row)


async def test_a_restart_trips_nothing_twice_and_forgets_nothing() -> None:
    watched = Watched()
    await refused(watched, "rent", "gym")
    await watched.restarted().look()
    await refused(watched, "tax")
    await watched.restarted().look()
    before = await watched.journal.entries()
    await watched.restarted().look()
    assert await watched.journal.entries() == before
    assert await watched.holds() == [(AccountScope(CHAIN_ID, ACCOUNT), ERRORS)]


async def test_what_a_failing_store_kept_back_is_counted_later(monkeypatch: pytest.MonkeyPatch) -> None:
    usdc = Token("USDC", Address(b"\x0c" * 20), 6)
    watched = Watched(BreakerLimits(spend=(TokenAmount(usdc, 9),)))
    (row,) = await claimed(watched.journal, a_job())
    limit = LimitKey(CHAIN_ID, a_hash(1), a_hash(2), Address(b"\x01" * 20), str(usdc.address))
    await sign(watched.journal, await plan(watched.journal, row, [room(10, key=str(limit))]))
    with monkeypatch.context() as failing:
        failing.setattr(watched.journal, "occurrence", no_store)
        with pytest.raises(StoreUnavailable):
            await watched.breakers.look()
    await watched.breakers.look()
    assert await watched.holds() == [(AccountScope(CHAIN_ID, ACCOUNT), SPEND)]


async def no_store(_occurrence_id: int) -> Occurrence:
    raise StoreUnavailable("no answer")


async def test_after_a_reset_only_what_is_new_counts() -> None:
    watched = Watched()
    await refused(watched, "rent", "gym", "tax")
    await watched.breakers.look()
    await watched.journal.release_hold(AccountScope(CHAIN_ID, ACCOUNT), ERRORS, "the key is back", NOW)
    await watched.breakers.look()
    await watched.restarted().look()
    assert await watched.holds() == []


async def test_what_is_older_than_the_window_does_not_count() -> None:
    watched = Watched()
    await refused(watched, "rent", "gym", "tax")
    watched.clock.time = Timestamp(NOW + 600)
    await watched.breakers.look()
    assert await watched.holds() == []


async def test_reverts_hold_the_job_alone() -> None:
    watched = Watched(replace(LIMITS, reverts=1))
    await reverted(watched, "rent", 1)
    await watched.breakers.look()
    assert await watched.holds() == [(JobScope("rent-1"), REVERTS)]


def a_block(number: int, base_fee_wei: int = 10**9, skew_s: int = 0) -> Block:
    return Block(number, a_hash(number), Timestamp(NOW - skew_s), Wei(base_fee_wei))


async def test_a_fee_spike_and_a_skewed_clock_hold_the_chain() -> None:
    watched = Watched()
    for number in range(100):
        watched.breakers.saw(CHAIN_ID, a_block(number), NOW)
    for number in range(100, 103):
        watched.breakers.saw(CHAIN_ID, a_block(number, 10**11, skew_s=3_600), NOW)
    await watched.breakers.look()
    assert await watched.holds() == [(ChainScope(CHAIN_ID), CLOCK), (ChainScope(CHAIN_ID), FEES)]


async def test_one_head_seen_often_is_one_head() -> None:
    watched = Watched()
    for _ in range(10):
        watched.breakers.saw(CHAIN_ID, a_block(1, skew_s=3_600), NOW)
    await watched.breakers.look()
    assert await watched.holds() == []


async def test_a_reset_waits_for_a_head_that_says_it_again() -> None:
    watched = Watched()
    for number in range(3):
        watched.breakers.saw(CHAIN_ID, a_block(number, skew_s=3_600), NOW)
    await watched.breakers.look()
    await watched.journal.release_hold(ChainScope(CHAIN_ID), CLOCK, "the clock is set", NOW)
    await watched.breakers.look()
    assert await watched.holds() == []
    watched.breakers.saw(CHAIN_ID, a_block(4), Timestamp(NOW + 1))
    await watched.breakers.look()
    assert await watched.holds() == []


async def test_after_a_reset_one_odd_head_is_no_more_than_it_was_before() -> None:
    watched = Watched()
    for number in range(3):
        watched.breakers.saw(CHAIN_ID, a_block(number, skew_s=3_600), NOW)
    await watched.breakers.look()
    await watched.journal.release_hold(ChainScope(CHAIN_ID), CLOCK, "the clock is set", NOW)
    for number in range(3, 5):
        watched.breakers.saw(CHAIN_ID, a_block(number, skew_s=3_600), Timestamp(NOW + 1))
        await watched.breakers.look()
        assert await watched.holds() == []

    watched.breakers.saw(CHAIN_ID, a_block(5, skew_s=3_600), Timestamp(NOW + 1))
    await watched.breakers.look()
    assert await watched.holds() == [(ChainScope(CHAIN_ID), CLOCK)]
