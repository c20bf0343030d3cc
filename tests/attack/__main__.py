"""`python -m tests.attack --sessions 1000`: the attack at length, with its figures."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.devnet.devnet import running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from agent.domain.units import Address
from tests.attack.harness import Outcome, attack
from tests.attack.test_attack import ROUNDS, TRIES, assert_within_verdict
from tests.devnet import BLOCK_TIME_S, STARTS_BEFORE_NOW_S
from tests.run_record import stamped

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """One kind of money: of how many sessions it had a number, and how close the thieves came to it."""

    with_number: int
    reached: int
    best_share: float


async def run(sessions: int, first_seed: int) -> dict[str, Any]:
    """Attack that many sessions and return the figures; an excess ends it with its seed."""
    options = DevnetOptions(BLOCK_TIME_S, starts_before_now_s=STARTS_BEFORE_NOW_S)
    started = time.monotonic()
    async with running_devnet(options) as devnet:
        found: list[Outcome] = []
        for start in range(first_seed, first_seed + sessions, AT_ONCE):
            seeds = range(start, min(start + AT_ONCE, first_seed + sessions))
            outcomes = await attack(devnet, seeds, ROUNDS, TRIES)
            for seed, outcome in zip(seeds, outcomes, strict=True):
                try:
                    assert_within_verdict(devnet.usdc, outcome)
                except AssertionError:
                    print(f"seed {seed}: the loss exceeds the verdict")
                    raise
            found += outcomes
            print(f"seeds {seeds.start}-{seeds.stop - 1}: {summary(devnet.usdc, found)}", flush=True)
        return summary(devnet.usdc, found) | {"duration_s": round(time.monotonic() - started)}


def summary(usdc: Address, outcomes: list[Outcome]) -> dict[str, Any]:
    """Say how close the thieves came."""
    token, coin = figures(outcomes, usdc), figures(outcomes, None)
    return {
        "sessions": len(outcomes),
        "attempts": sum(item.thief.tried for item in outcomes),
        "included": sum(item.thief.included for item in outcomes),
        "sponsored": sum(item.thief.sponsored for item in outcomes),
        "losses_above_the_number": 0,
        "sessions_without_a_number": sum(bool(item.thief.worst.unbounded) for item in outcomes),
        "usdc": vars_of(token),
        "coin": vars_of(coin),
    }


def figures(outcomes: list[Outcome], token: Address | None) -> Figures:
    """Compare losses with numbers; those without any say nothing."""
    shares = list(_shares(outcomes, token))
    best = max(shares, default=0.0)
    return Figures(len(shares), sum(share == 1 for share in shares), round(best, 6))


def _shares(outcomes: list[Outcome], token: Address | None) -> Iterator[float]:
    for item in outcomes:
        most = None if item.thief.worst.unbounded else item.thief.worst.totals.get(token, 0)
        if most:
            yield (item.coin_lost_wei if token is None else item.usdc_lost) / most


def vars_of(found: Figures) -> dict[str, Any]:
    """Return figures as a document."""
    return {
        "sessions_with_a_number": found.with_number,
        "reached": found.reached,
        "best_share_of_number": found.best_share,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1_000_000)
    parser.add_argument("--record", type=Path, help="Write what was found here, as JSON.")
    chosen = parser.parse_args()
    set_up()
    command = f"python -m tests.attack --sessions {chosen.sessions} --seed {chosen.seed}"
    text = json.dumps(stamped(command, asyncio.run(run(chosen.sessions, chosen.seed))), indent=2) + "\n"
    if chosen.record:
        chosen.record.write_text(text)
    sys.stdout.write(text)
