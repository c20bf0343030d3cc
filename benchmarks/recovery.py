"""A worker that starts with operations in flight: when it has decided about the first of them, and about all.

The clock starts with the process, imports included, and stops when the journal has the decision on disk.
All operations were sent before, and included since. The peer is a process too: it imports web3.py and asks
the same node for the log and the receipt of each operation; it reads no files, checks and writes nothing.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent.devnet.devnet import running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from agent.domain.states import Event
from benchmarks.recovery_scene import Scene, in_flight
from benchmarks.report import Row, row_of_costs

IN_FLIGHT = int(os.environ.get("RECOVERY_OPERATIONS", "1000"))
ROUNDS = 3
AIM_MS = 3_000
POLL_S = 0.005
TIMEOUT_S = 300.0
FOLDER = Path("build")
COMMAND = Path(sys.executable).parent / "sessionkeeper"
DECISIONS = "SELECT count(*) FROM entries WHERE event = ?"


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds from the start of the process."""

    first_ms: float
    all_ms: float
    processor_ms: float
    """Until all were decided, by the process alone."""


def rows() -> list[Row]:
    """Return when the first was decided, and when all were, of ours and of the peer."""
    ours, peer = asyncio.run(_measured())
    what = f"recovery of {IN_FLIGHT:,} in flight"
    return [
        row_of_costs(f"{what}, first decision (aim {AIM_MS:,})", ours.first_ms, peer.first_ms, "ms"),
        row_of_costs(f"{what}, all decided", ours.all_ms, peer.all_ms, "ms"),
        row_of_costs(f"{what}, processor time", ours.processor_ms, peer.processor_ms, "ms"),
    ]


async def _measured() -> tuple[Took, Took]:
    await asyncio.to_thread(set_up)
    # Every transaction makes a block, and blocks may not overtake the clock on the wall.
    options = DevnetOptions(block_time_s=0, starts_before_now_s=24 * 3600)
    with TemporaryDirectory(dir=FOLDER) as folder:
        async with running_devnet(options) as devnet:
            scene = await in_flight(devnet, Path(folder) / "scene", IN_FLIGHT)
            pairs = [
                (
                    await asyncio.to_thread(_ours, scene, Path(folder) / str(number)),
                    await asyncio.to_thread(_peer, scene),
                )
                for number in range(ROUNDS)
            ]
    ours, peer = zip(*pairs, strict=True)
    return _median(ours), _median(peer)


def _median(took: tuple[Took, ...]) -> Took:
    return Took(*(statistics.median(column) for column in zip(*map(astuple, took), strict=True)))


def _ours(scene: Scene, folder: Path) -> Took:
    shutil.copytree(scene.folder, folder)
    with (
        closing(sqlite3.connect(folder / "state" / "journal.db")) as books,
        (folder / "log").open("wb") as log,
    ):
        start = time.perf_counter()
        worker = subprocess.Popen([COMMAND, "run", "-c", folder], stdout=log, stderr=log)
        try:
            first_ms = _decided(books, 1, start, worker)
            all_ms = _decided(books, len(scene.sent), start, worker)
        except AssertionError as error:
            error.add_note((folder / "log").read_text()[-3_000:])
            raise
        finally:
            worker.kill()
            processor_ms = _processor_ms(worker)
        return Took(first_ms, all_ms, processor_ms)


def _processor_ms(process: subprocess.Popen[Any]) -> float:
    """Wait for the process and return what it used of the processors."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return (usage.ru_utime + usage.ru_stime) * 1_000


def _decided(books: sqlite3.Connection, count: int, start: float, worker: subprocess.Popen[bytes]) -> float:
    while books.execute(DECISIONS, (Event.SEE_OK.value,)).fetchone()[0] < count:
        assert worker.poll() is None, "the worker ended"
        assert time.perf_counter() < start + TIMEOUT_S, "nothing was decided"
        time.sleep(POLL_S)
    return (time.perf_counter() - start) * 1_000


def _peer(scene: Scene) -> Took:
    task = {
        "url": scene.devnet.rpc_url,
        "entry_point": str(scene.devnet.entry_point),
        "from_block": min(item.planned_at_block for item in scene.sent),
        "hashes": [str(item.user_op_hash) for item in scene.sent],
    }
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.peers.web3_recovery"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(task))
        process.stdin.close()
        times = [(time.perf_counter() - start) * 1_000 for _ in process.stdout]
        processor_ms = _processor_ms(process)
    first_ms, all_ms = times
    return Took(first_ms, all_ms, processor_ms)
