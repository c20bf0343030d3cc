"""`make model`: explore everything within the full bounds, print what was found, keep a record."""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.model.run import NEVER, Explored, explore, figures, table, untaken
from tests.model.variants import BROKEN, MISTAKES, SAFE, SMALL
from tests.run_record import stamped

RECORD = Path(__file__).parent / "records" / "model.json"


def main() -> int:
    """Return 1 when the agent is found unsafe, a broken protocol safe, or something was left out."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--small", action="store_true", help="the bounds of the tests; no record is kept")
    parser.add_argument("--record", type=Path, default=RECORD, help="where the record goes")
    parser.add_argument("--jobs", type=int, default=1, help="processes that explore variants")
    arguments = parser.parse_args()
    explored = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for item in pool.map(explore, (*(SMALL if arguments.small else SAFE), *BROKEN, *MISTAKES)):
            explored.append(item)
            print(_told(item), flush=True)
    found = figures(explored)
    print(table(found["variants"]))
    if not arguments.small:
        arguments.record.parent.mkdir(parents=True, exist_ok=True)
        record = stamped("python -m tests.model", found)
        arguments.record.write_text(json.dumps(record, indent=2) + "\n")
    never = untaken(explored) - NEVER
    if never:
        print(f"rows of the state table that were never taken: {sorted(never)}")
    return 0 if not never and all(item.is_expected for item in explored) else 1


def _told(item: Explored) -> str:
    variant, found = item.variant, item.found
    verdict = "as expected" if item.is_expected else "NOT AS EXPECTED"
    size = f"{found.states:,} states, {found.transitions:,} transitions, depth {found.depth}"
    lines = [f"{variant.name}: {size}, {found.seconds} s, {verdict}"]
    lines += [f"    {count:,} steps cut by the bound on {bound}" for bound, count in found.cut.items()]
    lines += [f"    {found.frontier:,} states not looked at"] * bool(found.frontier)
    lines += [f"    out of reach of success: {found.hopeless:,}"] * bool(found.hopeless)
    lines += [f"    without an end: {found.endless:,}"] * bool(found.endless)
    lines += [f"    {found.violation}"] * bool(found.violation)
    lines += [f"    {place:2}. {step}" for place, step in enumerate(found.trace, 1)]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
