"""`python -m tests.attack --sessions 1000`: the attack at length, with its figures."""

import argparse
import asyncio
import time

from agent.devnet.devnet import running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from agent.domain.units import Address
from tests.attack.harness import Outcome, attack
from tests.attack.test_attack import ROUNDS, TRIES, assert_within_verdict
from tests.devnet import BLOCK_TIME_S, STARTS_BEFORE_NOW_S

AT_ONCE = 100


async def run(sessions: int, first_seed: int) -> None:
    """Attack that many sessions and print what was taken; an excess ends it with its seed."""
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
            print(f"seeds {seeds.start}-{seeds.stop - 1}: {summary(devnet.usdc, outcomes)}", flush=True)
        print(f"{summary(devnet.usdc, found)}; {time.monotonic() - started:.0f} s")


def summary(usdc: Address, outcomes: list[Outcome]) -> str:
    """Say how close the thieves came."""
    rows = [(item.usdc_lost, item.thief.worst.totals.get(usdc, 0)) for item in outcomes]
    bounded = [(lost, most) for lost, most in rows if most]
    reached = sum(lost == most for lost, most in bounded)
    coin = [item for item in outcomes if item.thief.worst.totals[None] is not None]
    included = sum(item.thief.included for item in outcomes)
    return (
        f"{len(outcomes)} sessions, {included} operations included, none above its number;"
        f" USDC: {len(bounded)} with a number, {reached} reached it; coin: {len(coin)} with a number"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1_000_000)
    arguments = parser.parse_args()
    set_up()
    asyncio.run(run(arguments.sessions, arguments.seed))
