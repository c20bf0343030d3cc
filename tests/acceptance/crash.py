"""Many kills at random steps and moments, in every phase of the network; the oracle judges every payment.

python -m tests.acceptance.crash --kills 100 [--seed N] [--record FILE]

SIGTERM ends it after the round that is running, with the record of what was done until then.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from tests.acceptance.behind_proxies import Proxied, proxied
from tests.acceptance.crash_phases import PHASES
from tests.acceptance.crash_points import ALL, CrashPoint
from tests.acceptance.oracle import Finding
from tests.acceptance.stage import a_stage, dying_worker, move_to, next_days, until, worker
from tests.devnet import BLOCK_TIME_S, STARTS_BEFORE_NOW_S
from tests.run_record import stamped

ACCOUNTS = 10
LONGEST_LIFE_S = 5.0
"""A payment takes about so long; a worker killed at a random moment lives no longer."""
STEP_TIMEOUT_S = 300.0
REPEATED = {"claim_due", "logs", "finalized"}
"""Steps that one payment takes more than once."""


@dataclass
class Tally:
    """What was done so far."""

    wanted: int
    rng: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """How many workers were killed."""
        return self.kills.total()


@dataclass(frozen=True)
class Death:
    """How a worker dies: at a step, or after some seconds."""

    phase: str
    point: CrashPoint | None
    after_s: float

    @property
    def place(self) -> str:
        """Name the step, or that there is none."""
        return "at a random moment" if self.point is None else f"{self.point.when} {self.point.step}"


async def run(kills: int, seed: int) -> dict[str, object]:
    """Kill at least so many workers and return the record of it."""
    began = time.monotonic()
    await asyncio.to_thread(set_up)
    tally, enough = Tally(kills, random.Random(seed)), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, enough.set)
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        async with _devnet() as devnet, AsyncExitStack() as standing:
            (first,) = await next_days(devnet, 1)
            stages = [
                await a_stage(devnet, Path(folder) / f"{number:02}", start=first, periods=kills + 10)
                for number in range(ACCOUNTS)
            ]
            front = [
                await standing.enter_async_context(proxied(stage, seed + number))
                for number, stage in enumerate(stages)
            ]
            rounds = 0
            while tally.count < kills and not enough.is_set():
                rounds += 1
                await _round(devnet, front, tally)
                _say(f"{time.monotonic() - began:6.1f} s  round {rounds}: {tally.count} of {kills} kills")
            findings = [item for one in front for item in await asyncio.to_thread(one.findings)]
            payments = sum([await asyncio.to_thread(stage.payments) for stage in stages])
    found = {
        "seed": seed,
        "kills": tally.count,
        "kills_by_place": dict(sorted(tally.kills.items())),
        "kills_by_phase": dict(sorted(tally.phases.items())),
        "periods": rounds * len(stages),
        "payments": payments,
        "duplicates": sum(item.rule == "I1" for item in findings),
        "lost": sum(item.rule == "I2" for item in findings),
        "findings": [_text(item) for item in findings],
        "wall_s": round(time.monotonic() - began, 1),
    }
    return stamped(f"python -m tests.acceptance.crash --kills {kills} --seed {seed}", found)


async def _round(devnet: Devnet, front: Sequence[Proxied], tally: Tally) -> None:
    """Let every account pay one more day, killing its workers on the way."""
    (day,) = await next_days(devnet, 1)
    moved = asyncio.Event()
    payments = [asyncio.create_task(_payment(one, day, moved, tally)) for one in front]
    # Some workers run already when the day begins, others find it begun.
    await asyncio.sleep(tally.rng.uniform(0, 2))
    await move_to(devnet, day)
    moved.set()
    await asyncio.gather(*payments)


async def _payment(proxies: Proxied, day: str, moved: asyncio.Event, tally: Tally) -> None:
    stage = proxies.stage
    if tally.rng.random() < 1 / 2:
        await moved.wait()
    for death in _deaths(tally.rng):
        PHASES[death.phase].arm(proxies)
        if await _died(proxies, day, death):
            tally.kills[death.place] += 1
            tally.phases[death.phase] += 1
    proxies.calm()
    await moved.wait()
    with worker(stage) as running:
        await running.until(lambda: stage.is_paid(day), STEP_TIMEOUT_S)


def _deaths(rng: random.Random) -> Iterator[Death]:
    for _ in range(rng.choice((1, 2, 3, 4))):
        point = rng.choice(ALL)
        nth = rng.choice((1, 1, 2)) if point.step in REPEATED else point.nth
        at_step = rng.random() < 3 / 4
        chosen = CrashPoint(point.step, point.when, nth) if at_step else None
        yield Death(rng.choice(list(PHASES)), chosen, rng.random())


async def _died(proxies: Proxied, day: str, death: Death) -> bool:
    """Run a worker to its death; a step that the rest of the payment does not take is never reached."""
    stage = proxies.stage
    if death.point is None:
        with worker(stage) as running:
            await asyncio.sleep(death.after_s * LONGEST_LIFE_S)
            running.kill()
        return True
    with dying_worker(stage, death.point) as dying:
        await until(lambda: dying.has_ended or stage.is_paid(day), stage, timeout_s=STEP_TIMEOUT_S)
        if not dying.has_ended:
            dying.kill()
            return False
        if dying.process.exitcode == -signal.SIGKILL:
            return True
        raise AssertionError(f"the worker ended with {dying.process.exitcode}: {stage.summary}")


@asynccontextmanager
async def _devnet() -> AsyncIterator[Devnet]:
    async with running_devnet(DevnetOptions(BLOCK_TIME_S, starts_before_now_s=STARTS_BEFORE_NOW_S)) as devnet:
        yield devnet


def _text(finding: Finding) -> str:
    return f"{finding.rule} {finding.job} {finding.slot}: {finding.message}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Run and print the record; 1 when the oracle found anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--record", type=Path, help="write the record to this file too")
    options = parser.parse_args()
    _say(f"seed {options.seed}")
    record = json.dumps(asyncio.run(run(options.kills, options.seed)), indent=2)
    print(record)
    if options.record is not None:
        options.record.write_text(record + "\n")
    return 1 if json.loads(record)["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
