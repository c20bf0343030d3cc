"""Reorgs of every depth at random moments of payments; at the end the oracle judges every payment.

python -m tests.acceptance.reorgs --reorgs 100 [--seed N] [--record FILE]
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
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from agent.devnet import chain, rpc
from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from tests.acceptance.behind_proxies import Proxied, proxied
from tests.acceptance.hurry import hurrying
from tests.acceptance.oracle import Finding
from tests.acceptance.stage import POLL_S, Stage, a_stage, move_to, next_days, until, worker
from tests.devnet import BLOCK_TIME_S, STARTS_BEFORE_NOW_S
from tests.run_record import stamped

ACCOUNTS = 4
DEEPEST = 32
FINAL_AFTER = 64
"""Blocks: every reorg here is within finality, as the stages' files say it."""
LATE_FINALITY = f"    finality: {{depth: {FINAL_AFTER}}}\n"
REORGS_A_DAY = 10
DAYS_A_CHAIN = 2
LONGEST_PAUSE_S = 1.2
LONGEST_WAIT_S = 6.0
TIMEOUT_S = 300.0


@dataclass
class Reorgs:
    """What was done so far."""

    rng: random.Random
    depths: Counter[int] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """How many there were."""
        return self.depths.total()

    def depth(self) -> int:
        """Choose the next depth, every one before any comes twice."""
        seldom = min(self.depths[depth] for depth in range(1, DEEPEST + 1))
        chosen = self.rng.choice([depth for depth in range(1, DEEPEST + 1) if self.depths[depth] == seldom])
        self.depths[chosen] += 1
        return chosen


async def stages_of(devnet: Devnet, root: Path, start: str, periods: int) -> list[Stage]:
    """Make accounts whose files call a block final only when no reorg here reaches it."""
    stages = [
        await a_stage(devnet, root / f"{number}", start=start, periods=periods, chain_lines=LATE_FINALITY)
        for number in range(ACCOUNTS)
    ]
    # What the accounts are and were granted must outlive every reorg.
    await chain.mine(devnet, FINAL_AFTER)
    return stages


async def shake(devnet: Devnet, stages: Sequence[Stage], day: str, reorgs: Reorgs, count: int) -> None:
    """Let every account pay a day while that many reorgs happen, and then wait until it is paid for good."""
    before = {stage.folder: _starts(stage) for stage in stages}
    with ExitStack() as running:
        for stage in stages:
            running.enter_context(worker(stage))
        # A start asks the node that it does not go back meanwhile; the service manager would start it again.
        await until(lambda: all(_starts(stage) > before[stage.folder] for stage in stages), *stages)
        await move_to(devnet, day)
        # The day itself stays on chain: only what comes after it may go.
        await chain.mine(devnet, DEEPEST + 1)
        for _ in range(count):
            await _moment(stages, day, reorgs.rng)
            await chain.reorg(devnet, reorgs.depth())
            # Alto does not take back what it believes to be included: a bundler that follows the chain would.
            await rpc.call(devnet.bundler_url, "debug_bundler_clearState")
        await landed(stages, day)
        await chain.mine(devnet, FINAL_AFTER + 1)
        await until(lambda: all(stage.is_paid(day) for stage in stages), *stages, timeout_s=TIMEOUT_S)


def _starts(stage: Stage) -> int:
    return stage.log.count('"recovered"')


async def _moment(stages: Sequence[Stage], day: str, rng: random.Random) -> None:
    """Wait for any moment, or for one soon after a payment landed."""
    if rng.random() < 1 / 2:
        await asyncio.sleep(rng.uniform(0, LONGEST_PAUSE_S))
        return
    stage, deadline = rng.choice(stages), time.monotonic() + LONGEST_WAIT_S
    async with hurrying(day, stage):
        while not stage.is_in(day, "included_ok") and time.monotonic() < deadline:
            await asyncio.sleep(POLL_S)


def rolled_back(stages: Sequence[Stage]) -> int:
    """Count how often the workers saw the block of a payment leave the chain."""
    return sum(stage.log.count('"code":"reorg"') for stage in stages)


async def landed(stages: Sequence[Stage], day: str) -> None:
    """Wait until every payment is on chain, in less time than it takes by itself."""
    deadline = time.monotonic() + TIMEOUT_S
    async with hurrying(day, *stages):
        while not all([await _stands(stage, day) for stage in stages]):
            assert time.monotonic() < deadline, [stage.summary for stage in stages]
            await asyncio.sleep(POLL_S)


async def _stands(stage: Stage, day: str) -> bool:
    """Tell whether the block that the books have a payment in is one of the chain's now."""
    row = stage.row(day)
    if row is None or row.state not in ("included_ok", "final_ok") or row.inclusion is None:
        return False
    standing = await rpc.block(stage.devnet.rpc_url, hex(row.inclusion["block_number"]))
    return bool(standing["hash"] == row.inclusion["block_hash"])


@dataclass
class Outcome:
    """What came of it on all chains."""

    rolled_back: int = 0
    payments: int = 0
    periods: int = 0
    findings: list[Finding] = field(default_factory=list)


async def run(wanted: int, seed: int) -> dict[str, object]:
    """Reorganise at least so often and return the record; SIGTERM ends it after the chain that is up."""
    began = time.monotonic()
    await asyncio.to_thread(set_up)
    reorgs, outcome, enough = Reorgs(random.Random(seed)), Outcome(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, enough.set)
    while reorgs.count < wanted and not enough.is_set():
        await _on_a_new_chain(reorgs, outcome)
        print(f"{time.monotonic() - began:6.1f} s  {reorgs.count} of {wanted}", file=sys.stderr, flush=True)
    record = {
        "seed": seed,
        "reorgs": reorgs.count,
        "depths": dict(sorted(reorgs.depths.items())),
        "rolled_back": outcome.rolled_back,
        "periods": outcome.periods,
        "payments": outcome.payments,
        "duplicates": sum(item.rule == "I1" for item in outcome.findings),
        "lost": sum(item.rule == "I2" for item in outcome.findings),
        "findings": [str(item) for item in outcome.findings],
        "wall_s": round(time.monotonic() - began, 1),
    }
    return stamped(f"python -m tests.acceptance.reorgs --reorgs {wanted} --seed {seed}", record)


async def _on_a_new_chain(reorgs: Reorgs, outcome: Outcome) -> None:
    """Let some days pass on a chain of its own: anvil forgets code after many blocks and reorgs."""
    options = DevnetOptions(BLOCK_TIME_S, starts_before_now_s=STARTS_BEFORE_NOW_S)
    with tempfile.TemporaryDirectory(prefix="reorgs-") as folder:
        async with running_devnet(options) as devnet, AsyncExitStack() as standing:
            days = await next_days(devnet, DAYS_A_CHAIN)
            stages = await stages_of(devnet, Path(folder), days[0], len(days) + 5)
            front = [await standing.enter_async_context(proxied(stage)) for stage in stages]
            for day in days:
                await shake(devnet, stages, day, reorgs, REORGS_A_DAY)
            outcome.findings += await found(front)
            outcome.payments += sum([await asyncio.to_thread(stage.payments) for stage in stages])
            outcome.periods += len(days) * len(stages)
            outcome.rolled_back += rolled_back(stages)


async def found(front: Sequence[Proxied]) -> list[Finding]:
    """Ask the oracle about every account."""
    return [item for one in front for item in await asyncio.to_thread(one.findings)]


def main() -> int:
    """Run and print the record; 1 when the oracle found anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reorgs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--record", type=Path, help="write the record to this file too")
    options = parser.parse_args()
    record = json.dumps(asyncio.run(run(options.reorgs, options.seed)), indent=2)
    print(record)
    if options.record is not None:
        options.record.write_text(record + "\n")
    return 1 if json.loads(record)["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
