"""Compare the model with the contracts.

python -m tests.differential --ops 100000 [--seed N] [--contracts DIR] [--record FILE]
"""

import argparse
import asyncio
import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from agent.devnet.devnet import running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from tests.devnet import STARTS_BEFORE_NOW_S
from tests.differential.run import Report, run
from tests.differential.stage import a_stage
from tests.run_record import stamped

SCRIPTS_BETWEEN_NOTES = 400


async def compare(operations: int, seed: int, contracts: Path | None) -> dict[str, Any]:
    """Run on a chain of its own; return the report with seed and time."""
    options = DevnetOptions(0, contracts, starts_before_now_s=STARTS_BEFORE_NOW_S)
    async with running_devnet(options) as devnet:
        stage = await a_stage(devnet)
        started = time.monotonic()
        report = await run(stage, range(seed, seed + 10**9), operations, progress=progress)
    return {"seed": seed, **report.as_json(), "seconds": round(time.monotonic() - started)}


def progress(report: Report) -> None:
    """Say how far it got, now and then."""
    if report.scripts % SCRIPTS_BETWEEN_NOTES == 0:
        print(f"{report.operations:,} operations", file=sys.stderr, flush=True)


def main() -> int:
    """Print the report as JSON; return 1 when something disagrees."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential")
    parser.add_argument("--ops", type=int, default=100_000, help="how many operations to compare")
    parser.add_argument("--seed", type=int, default=None, help="of the first script; random when left out")
    parser.add_argument("--contracts", type=Path, metavar="DIR", help="run DIR/<Name>.json in their place")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the record to this file too")
    chosen = parser.parse_args()
    seed = secrets.randbelow(10**9) if chosen.seed is None else chosen.seed
    print(f"seed {seed}", file=sys.stderr, flush=True)
    set_up()
    found = asyncio.run(compare(chosen.ops, seed, chosen.contracts))
    command = f"python -m tests.differential --ops {chosen.ops} --seed {seed}"
    replaced = "" if chosen.contracts is None else " --contracts DIR"
    text = json.dumps(stamped(command + replaced, found), indent=2)
    print(text)
    if chosen.record is not None:
        chosen.record.parent.mkdir(parents=True, exist_ok=True)
        chosen.record.write_text(text + "\n")
    return int(bool(found["disagreements"]))


if __name__ == "__main__":
    sys.exit(main())
