"""Replay recorded answers of the genuine contracts: `python -m tests.replay_traces FILE [--contracts [DIR]]`.

Without --contracts on the off-chain model alone, with it on the contracts of a local chain too.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from tests.traces.model_backend import ModelBackend
from tests.traces.replay import Report, replay_all, sequences_in


def main(arguments: list[str] | None = None) -> int:
    """Print the report as JSON; return 1 when something disagrees."""
    parser = argparse.ArgumentParser(prog="python -m tests.replay_traces", description=__doc__)
    parser.add_argument("file", type=Path, help="JSON lines, plain or gzipped")
    parser.add_argument(
        "--contracts",
        nargs="?",
        const="",
        metavar="DIR",
        help="replay on the stand-in contracts too, or on what DIR/<Name>.json replaces of them",
    )
    options = parser.parse_args(arguments)
    report = replay_all(sequences_in(options.file), ModelBackend)
    if options.contracts is not None:
        report = report.also(_on_contracts(options.file, options.contracts))
    print(json.dumps(report.as_json(), indent=2))
    return int(report.agree != report.steps)


def _on_contracts(path: Path, folder: str) -> Report:
    # The model needs no chain, so neither does importing this module.
    from agent.devnet.setup import set_up
    from tests.traces.contracts_backend import replay_on_contracts

    set_up()
    return asyncio.run(replay_on_contracts(sequences_in(path), Path(folder) if folder else None))


if __name__ == "__main__":
    sys.exit(main())
