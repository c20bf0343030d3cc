"""Append signed operations: the journal's group commit against one commit per record, on the same disk."""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from agent.adapters.sql import SqlJournal, open_journal
from agent.domain.journal import Armed, Change, Enrolment, JobCursor, JobRow, NewOccurrence
from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import SignedOperation
from agent.domain.states import Event
from agent.domain.units import ChainId, Timestamp
from benchmarks.op_build import KEY
from benchmarks.orders import ENTRY_POINT, Order, payments
from benchmarks.peers.single_commit import SingleCommitJournal
from benchmarks.pipeline_build import Ours
from benchmarks.report import Row, interleaved, row_of_rates, settle_memory

PRODUCERS = 256
APPENDS_EACH = 16
PEER_APPENDS = 256
SYNCS = 512
ROUNDS = 5
NOW = Timestamp(1_790_000_000)
CHAIN_ID = ChainId(8453)
FOLDER = Path("build")


def rows() -> list[Row]:
    """Return appends per second of ours, of the peer, and the disk's own fdatasync rate."""
    orders = [
        replace(order, chain_id=CHAIN_ID, sequence=0)
        for order in payments(PRODUCERS * APPENDS_EACH, Random(4337))
    ]
    ours, peer, disk = interleaved(
        ROUNDS,
        [
            lambda: asyncio.run(group_commit_rate(orders)),
            lambda: asyncio.run(single_commit_rate(orders[:PEER_APPENDS])),
            fdatasync_rate,
        ],
    )
    return [
        row_of_rates("journal append vs single commit", ours, peer, "appends/s"),
        row_of_rates("journal append vs this disk's fdatasync", ours, disk, "1/s"),
    ]


async def group_commit_rate(orders: Sequence[Order]) -> float:
    """Append all from concurrent producers; each waits until its record is on disk."""
    with TemporaryDirectory(dir=FOLDER) as folder:
        journal = open_journal(f"sqlite:///{folder}/journal.db", exclusive=True)
        signed = await prepared(journal, orders)
        settle_memory()
        start = time.perf_counter()
        await asyncio.gather(*(_produce(journal, signed[place::PRODUCERS]) for place in range(PRODUCERS)))
        elapsed_s = time.perf_counter() - start
        await journal.close()
    return len(signed) / elapsed_s


async def single_commit_rate(orders: Sequence[Order]) -> float:
    """Append the same records to the same tables from as many producers, each record its own commit."""
    with TemporaryDirectory(dir=FOLDER) as folder:
        url = f"sqlite:///{folder}/journal.db"
        journal = open_journal(url, exclusive=True)
        signed = await prepared(journal, orders)
        await journal.close()
        peer = SingleCommitJournal(url)
        settle_memory()
        start = time.perf_counter()
        # One thread, as ours has: more would only wait for SQLite's one write lock.
        with ThreadPoolExecutor(1) as thread:
            await asyncio.gather(*(_produce_singly(peer, thread, *item) for item in signed))
        elapsed_s = time.perf_counter() - start
        peer.close()
    return len(signed) / elapsed_s


def fdatasync_rate() -> float:
    """Append 4 KiB and sync, over and over."""
    with TemporaryDirectory(dir=FOLDER) as folder:
        descriptor = os.open(Path(folder) / "file", os.O_CREAT | os.O_WRONLY)
        start = time.perf_counter()
        for _ in range(SYNCS):
            os.write(descriptor, bytes(4096))
            os.fdatasync(descriptor)
        elapsed_s = time.perf_counter() - start
        os.close(descriptor)
    return SYNCS / elapsed_s


Signed = tuple[SignedOperation, Occurrence]


async def prepared(journal: SqlJournal, orders: Sequence[Order]) -> list[Signed]:
    """Bring one occurrence per order to the point where its operation is signed."""
    await journal.enroll([_job(number, order) for number, order in enumerate(orders)], NOW)
    due = await journal.claim_due(NOW, len(orders), _once)
    by_job = {f"job-{number}": order for number, order in enumerate(orders)}
    planned = await asyncio.gather(*(_planned(journal, row, by_job[row.job_id]) for row in due))
    ours = Ours(KEY)
    known = ours.prepared([by_job[row.job_id] for row in planned])
    # The pipeline builds before it plans: the draft is of the attempt after the last.
    jobs = [replace(job, occurrence=replace(row, attempt=0)) for job, row in zip(known, planned, strict=True)]
    return list(zip(await ours.build_all(jobs), planned, strict=True))


async def _produce(journal: SqlJournal, signed: Sequence[Signed]) -> None:
    for operation, row in signed:
        await journal.append(operation, Change(row.id, row.version, Event.SIGN, NOW))


async def _produce_singly(
    peer: SingleCommitJournal, thread: ThreadPoolExecutor, operation: SignedOperation, row: Occurrence
) -> None:
    await asyncio.get_running_loop().run_in_executor(thread, peer.append, operation, row, NOW)


async def _planned(journal: SqlJournal, row: Occurrence, order: Order) -> Occurrence:
    row = await journal.record(Change(row.id, row.version, Event.CLAIM, NOW))
    nonce = Nonce(order.nonce_key, 0)
    return await journal.record(Change(row.id, row.version, Event.PLAN, NOW, nonce=nonce))


def _job(number: int, order: Order) -> Enrolment:
    cursor = JobCursor("2026-03", 1, NOW)
    name = f"job-{number}"
    return Enrolment(name, CHAIN_ID, order.sender, ENTRY_POINT, order.nonce_key, "id", "digest", cursor)


def _once(job: JobRow) -> Armed:
    cursor = job.enrolment.cursor
    assert cursor is not None
    return Armed((NewOccurrence(cursor.slot, cursor.ordinal, cursor.due_at),), None)
