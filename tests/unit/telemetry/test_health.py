import asyncio
import socket
from pathlib import Path

from agent.telemetry.health import Health
from agent.telemetry.systemd import ServiceNotifier


class HandClock:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def test_process_without_a_recent_tick_is_not_alive() -> None:
    clock = HandClock()
    health = Health(tick_timeout_s=60, now=clock)
    health.ticked()

    clock.at += 60
    assert health.liveness().ok
    clock.at += 1
    assert not health.liveness().ok
    assert health.liveness().checks == {"tick": "last one 61 s ago, the most is 60 s"}
    health.ticked()
    assert health.liveness().ok


async def test_what_waits_for_recovery_goes_on_after_it_and_not_before() -> None:
    health = Health()
    waiting = asyncio.create_task(health.until_recovered())
    await asyncio.sleep(0)
    assert not waiting.done()
    health.recovered()
    await waiting
    await health.until_recovered()


def test_worker_is_ready_when_recovered_and_everything_answers() -> None:
    health = Health(now=HandClock())
    health.needs("chain devnet", "bundler alto", "store")

    assert not health.readiness().ok
    for name in ("chain devnet", "bundler alto", "store"):
        health.answered(name)
    assert health.readiness().checks["recovery"] == "not finished"
    health.recovered()
    assert health.readiness().ok


def test_silent_bundler_makes_the_worker_unready_but_alive() -> None:
    health = Health(now=HandClock())
    health.recovered()
    health.answered("bundler alto")

    health.failed("bundler alto", "connection refused")

    assert health.liveness().ok
    assert not health.readiness().ok
    assert health.readiness().checks["bundler alto"] == "connection refused"


def test_worker_that_stopped_ticking_is_not_ready() -> None:
    clock = HandClock()
    health = Health(tick_timeout_s=5, now=clock)
    health.recovered()
    clock.at += 6

    assert not health.readiness().ok


def test_systemd_hears_ready_alive_and_stopping(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        notifier = ServiceNotifier.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})

        notifier.ready("3 jobs")
        notifier.alive()
        notifier.stopping()

        assert [listener.recv(100) for _ in range(3)] == [
            b"READY=1\nSTATUS=3 jobs",
            b"WATCHDOG=1",
            b"STOPPING=1",
        ]
        assert notifier.watchdog_s == 15


def test_without_systemd_nothing_is_sent(tmp_path: Path) -> None:
    ServiceNotifier.of({}).ready()
    ServiceNotifier(str(tmp_path / "gone")).alive()

    assert ServiceNotifier.of({}).watchdog_s is None
