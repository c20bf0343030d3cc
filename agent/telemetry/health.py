"""Whether the worker is alive, and whether it can do its work."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

TICK_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a probe and what it rests on."""

    ok: bool
    checks: dict[str, str]
    """`ok`, or what is wrong, by name."""


class Health:
    """What the worker reports about itself; a process that runs and does nothing is not healthy."""

    def __init__(
        self, tick_timeout_s: float = TICK_TIMEOUT_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._tick_timeout_s = tick_timeout_s
        self._ticked_at = now()
        self._needs: dict[str, str] = {"recovery": "not finished"}
        self._recovery = asyncio.Event()
        self._stops: tuple[str, ...] = ()

    def ticked(self) -> None:
        """Note that a round of work succeeded."""
        self._ticked_at = self._now()

    def recovered(self) -> None:
        """Note that everything in flight at start was looked up."""
        self._needs["recovery"] = "ok"
        self._recovery.set()

    async def until_recovered(self) -> None:
        """Wait until everything in flight at start was looked up."""
        await self._recovery.wait()

    def needs(self, *names: str) -> None:
        """Name what must answer before the worker is ready: `chain base`, `bundler alto`, `store`."""
        for name in names:
            self._needs.setdefault(name, "not seen yet")

    def answered(self, name: str) -> None:
        """Note that a chain, a bundler or the store answered."""
        self._needs[name] = "ok"

    def failed(self, name: str, why: str) -> None:
        """Note that a chain, a bundler or the store does not answer."""
        self._needs[name] = why

    def stopped(self, stops: Iterable[str]) -> None:
        """Note what is killed or held; a worker that was told to send nothing is well."""
        self._stops = tuple(stops)

    @property
    def stops(self) -> tuple[str, ...]:
        """What is killed or held, as scope and code."""
        return self._stops

    def liveness(self) -> Verdict:
        """Say whether the last successful tick is recent."""
        age_s = self._now() - self._ticked_at
        ok = age_s <= self._tick_timeout_s
        return Verdict(
            ok,
            {"tick": "ok" if ok else f"last one {age_s:.0f} s ago, the most is {self._tick_timeout_s:.0f} s"},
        )

    def readiness(self) -> Verdict:
        """Say whether the worker is alive, has recovered, and everything it needs answers."""
        checks = self.liveness().checks | self._needs
        return Verdict(all(check == "ok" for check in checks.values()), checks)
