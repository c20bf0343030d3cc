"""Many kills at random steps and random moments; at the end the oracle judges every payment.

python -m tests.acceptance.crash --kills 100 [--seed N] [--record FILE]
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
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from tests.acceptance.crash_points import ALL, CrashPoint
from tests.acceptance.oracle import Finding
from tests.acceptance.stage import Stage, a_stage, dying_worker, move_to, next_days, until, worker
from tests.devnet import BLOCK_TIME_S, STARTS_BEFORE_NOW_S

ACCOUNTS = 10
LONGEST_LIFE_S = 5.0
"""A payment takes about so long; a worker killed at a random moment lives no longer."""
STEP_TIMEOUT_S = 120.0
REPEATED = {"claim_due", "logs", "finalized"}
"""Steps that one payment takes more than once."""


@dataclass
class Tally:
    """What was done so far."""

    wanted: int
    rng: random.Random
    kills: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """How many workers were killed."""
        return self.kills.total()


@dataclass(frozen=True)
class Death:
    """How a worker dies: at a step, or after some seconds."""

    point: CrashPoint | None
    after_s: float


async def run(kills: int, seed: int) -> dict[str, object]:
    """Kill at least so many workers and return the record of it."""
    began = time.monotonic()
    await asyncio.to_thread(set_up)
    tally = Tally(kills, random.Random(seed))
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        async with _devnet() as devnet:
            (first,) = await next_days(devnet, 1)
            stages = [
                await a_stage(devnet, Path(folder) / f"{number:02}", start=first, periods=kills + 10)
                for number in range(ACCOUNTS)
            ]
            rounds = 0
            while tally.count < kills:
                rounds += 1
                await _round(devnet, stages, tally)
                _say(f"{time.monotonic() - began:6.1f} s  round {rounds}: {tally.count} of {kills} kills")
            findings = [item for stage in stages for item in await asyncio.to_thread(stage.findings)]
            payments = sum([await asyncio.to_thread(stage.payments) for stage in stages])
    return {
        "command": f"python -m tests.acceptance.crash --kills {kills} --seed {seed}",
        "seed": seed,
        "kills": tally.count,
        "kills_by_place": dict(sorted(tally.kills.items())),
        "periods": rounds * len(stages),
        "payments": payments,
        "duplicates": sum(item.rule == "I1" for item in findings),
        "lost": sum(item.rule == "I2" for item in findings),
        "findings": [_text(item) for item in findings],
        "wall_s": round(time.monotonic() - began, 1),
    }


async def _round(devnet: Devnet, stages: list[Stage], tally: Tally) -> None:
    """Let every account pay one more day, killing its workers on the way."""
    (day,) = await next_days(devnet, 1)
    moved = asyncio.Event()
    payments = [asyncio.create_task(_payment(stage, day, moved, tally)) for stage in stages]
    # Some workers run already when the day begins, others find it begun.
    await asyncio.sleep(tally.rng.uniform(0, 2))
    await move_to(devnet, day)
    moved.set()
    await asyncio.gather(*payments)


async def _payment(stage: Stage, day: str, moved: asyncio.Event, tally: Tally) -> None:
    if tally.rng.random() < 1 / 2:
        await moved.wait()
    for death in _deaths(tally.rng):
        await _die(stage, day, death, tally)
    await moved.wait()
    with worker(stage) as running:
        await running.until(lambda: stage.is_paid(day), STEP_TIMEOUT_S)


def _deaths(rng: random.Random) -> Iterator[Death]:
    for _ in range(rng.choice((1, 1, 2, 3))):
        point = rng.choice(ALL)
        nth = rng.choice((1, 1, 2)) if point.step in REPEATED else point.nth
        at_step = rng.random() < 3 / 4
        yield Death(CrashPoint(point.step, point.when, nth) if at_step else None, rng.random())


async def _die(stage: Stage, day: str, death: Death, tally: Tally) -> None:
    if death.point is None:
        with worker(stage) as running:
            await asyncio.sleep(death.after_s * LONGEST_LIFE_S)
            running.kill()
        tally.kills["at a random moment"] += 1
        return
    with dying_worker(stage, death.point) as dying:
        # A step that the rest of the payment does not take is never reached.
        await until(lambda: dying.has_ended or stage.is_paid(day), stage, timeout_s=STEP_TIMEOUT_S)
        if not dying.has_ended:
            dying.kill()
        elif dying.process.exitcode == -signal.SIGKILL:
            tally.kills[f"{death.point.when} {death.point.step}"] += 1
        else:
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
