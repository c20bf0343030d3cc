"""Play many seeds and say what they showed.

python -m tests.simulation --seeds 1000 [--from 0] [--minutes 120] [--report FILE] [--record FILE]
python -m tests.simulation --replay SEED
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

from tests.run_record import stamped
from tests.simulation.many import Summary, play_all
from tests.simulation.play import play
from tests.simulation.quiet import without_logs

TOLD_EVERY = 500


def main() -> int:
    """Print the report; return 1 when an invariant broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=1_000, help="how many to play")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first one")
    parser.add_argument("--minutes", type=int, help="end after so long, with the seeds played by then")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--report", type=Path, help="write the counts to this file too")
    parser.add_argument("--record", type=Path, help="write counts and a digest for each seed to this file")
    parser.add_argument("--replay", type=int, metavar="SEED", help="play one seed and print all of it")
    chosen = parser.parse_args()
    without_logs()
    return replay(chosen.replay) if chosen.replay is not None else many(chosen)


def replay(seed: int) -> int:
    """Print every event of a seed."""
    result = play(seed, keep=True)
    print(*result.lines, sep="\n")
    print(*result.violations, f"digest {result.digest}", sep="\n")
    return int(bool(result.violations))


def many(chosen: argparse.Namespace) -> int:
    """Play them all, on several processes."""
    started = time.monotonic()
    summary = _played(chosen, math.inf if chosen.minutes is None else started + 60 * chosen.minutes)
    command = f"python -m tests.simulation --seeds {summary.seeds} --from {chosen.first}"
    report = stamped(command, summary.as_json() | {"duration_s": round(time.monotonic() - started)})
    print(json.dumps(report, indent=2))
    if summary.failed:
        print(f"to see one: python -m tests.simulation --replay {summary.failed[0]}")
    for path, content in ((chosen.report, report), (chosen.record, report | {"digests": summary.digests})):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content, indent=2) + "\n")
    return int(bool(summary.failed))


def _played(chosen: argparse.Namespace, until: float) -> Summary:
    """Play until the clock shows `until`, and tell what breaks."""
    summary = Summary(chosen.first)
    for result in play_all(range(chosen.first, chosen.first + chosen.seeds), chosen.processes):
        summary.add(result)
        for violation in result.violations:
            print(f"seed {result.seed}: {violation}", flush=True)
        if summary.seeds % TOLD_EVERY == 0:
            print(f"{summary.seeds:,} seeds, {summary.injected:,} faults", file=sys.stderr, flush=True)
        if time.monotonic() > until:
            break
    return summary


if __name__ == "__main__":
    sys.exit(main())
