"""Start ten thousand slots that are due at once: the pump on SQLite against APScheduler's Redis store."""

import asyncio
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.adapters.sql import open_journal
from agent.domain.job import JobDefinition, Place
from agent.domain.journal import Enrolment, JobCursor
from agent.domain.occurrence import Occurrence
from agent.domain.period import Period
from agent.domain.recurrence import Calendar
from agent.domain.schedule import Schedule, next_slot
from agent.domain.units import Address, ChainId, Hash32, Timestamp
from agent.erc4337.version import CANONICAL_ENTRY_POINTS, EntryPointVersion
from agent.pipeline.pump import DuePump
from benchmarks.peers.redis_scheduler import burst as redis_burst
from benchmarks.report import Row, row_of_costs, settle_memory
from benchmarks.starts import Burst, Heartbeat, Starts

JOBS = 10_000
ROUNDS = 3
NOW = Timestamp(1_790_000_000)
CHAIN_ID = ChainId(8453)
ENTRY_POINT = CANONICAL_ENTRY_POINTS[EntryPointVersion.V07]
MONTHLY = Schedule(Calendar(Period.MONTH, "Europe/Berlin", at_minute=540, day=5), start=NOW)
FOLDER = Path("build")


def rows() -> list[Row]:
    """Return when the last and the 99th hundredth started, and how long the event loop stood still."""
    bursts = [(asyncio.run(pump_burst()), asyncio.run(redis_burst(JOBS))) for _ in range(ROUNDS)]
    ours, peer = zip(*bursts, strict=True)
    return [
        _row("due burst vs APScheduler redis store", ours, peer, lambda burst: burst.last_ms),
        _row("due burst p99 start vs APScheduler redis store", ours, peer, lambda burst: burst.p99_ms),
        _row("due burst loop stall vs APScheduler redis store", ours, peer, lambda burst: burst.stall_ms),
    ]


def _row(name: str, ours: Sequence[Burst], peer: Sequence[Burst], figure: Callable[[Burst], float]) -> Row:
    ours_ms, peer_ms = (statistics.median(map(figure, bursts)) for bursts in (ours, peer))
    return row_of_costs(name, ours_ms, peer_ms, "ms")


async def pump_burst() -> Burst:
    """Claim and start every job's occurrence in one tick."""
    slot = next_slot(MONTHLY, NOW)
    assert slot is not None
    definitions = {definition.id: definition for definition in map(_definition, range(JOBS))}
    cursor = JobCursor(slot.key, slot.ordinal, slot.due_at)
    with TemporaryDirectory(dir=FOLDER) as folder:
        journal = open_journal(f"sqlite:///{folder}/journal.db", exclusive=True)
        await journal.enroll([_enrolment(definition, cursor) for definition in definitions.values()], NOW)
        starts = Starts()
        settle_memory()
        tasks: list[asyncio.Task[None]] = []
        pump = DuePump(
            journal, definitions, lambda row: tasks.append(asyncio.create_task(_task(starts, row)))
        )
        async with Heartbeat() as heartbeat:
            starts.due_now()
            await pump.tick(slot.due_at)
            await asyncio.wait(tasks)
        await journal.close()
    return starts.burst(JOBS, heartbeat)


async def _task(starts: Starts, _row: Occurrence) -> None:
    starts.begun()


def _definition(number: int) -> JobDefinition:
    return JobDefinition(
        id=f"job-{number}",
        kind="subscription",
        chain_id=CHAIN_ID,
        account=Address(number.to_bytes(20, "big")),
        account_kind="nexus",
        session="bench",
        schedule=MONTHLY,
        spec=None,
        identity_digest=Hash32(bytes(32)),
        digest=Hash32(bytes(32)),
        place=Place("bench.yaml"),
    )


def _enrolment(definition: JobDefinition, cursor: JobCursor) -> Enrolment:
    return Enrolment(
        definition.id, CHAIN_ID, definition.account, ENTRY_POINT, 1, "identity", "digest", cursor
    )
