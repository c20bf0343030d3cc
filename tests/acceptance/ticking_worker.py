"""The agent's worker, but it writes down at which of its ticks each job is claimed and sent.

python -m tests.acceptance.ticking_worker -c FOLDER --ticks FILE
"""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from agent.domain.states import Event
from tests.acceptance.oracle.meters import Waited
from tests.acceptance.wrapped_worker import beside, run_wrapped

CLAIM, SENT = "claim_due", f"record-{Event.SEND}"


class Ticks:
    """Counts the looks for what is due; each is one tick of the worker."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._tick = 0

    async def burn(self, step: str, call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - any port
        """Make the call and note what it began."""
        result = await call()
        if step == CLAIM:
            self._tick += 1
            for row in result:
                self._note("claimed", row.job_id, row.slot)
        if step == SENT:
            self._note("sent", result.job_id, result.slot)
        return result

    def _note(self, what: str, job: str, slot: str) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps([self._tick, what, job, slot]) + "\n")


def read_ticks(file: Path) -> list[Waited]:
    """Return how long each slot waited between its claim and its first send."""
    claimed: dict[tuple[str, str], int] = {}
    sent: dict[tuple[str, str], int] = {}
    for line in file.read_text().splitlines():
        tick, what, job, slot = json.loads(line)
        (claimed if what == "claimed" else sent).setdefault((job, slot), tick)
    return [
        Waited(job, slot, sent[job, slot] - tick if (job, slot) in sent else None)
        for (job, slot), tick in claimed.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", dest="folder", type=Path, required=True)
    parser.add_argument("--ticks", type=Path, required=True)
    options = parser.parse_args(arguments)
    return run_wrapped(options.folder, beside(Ticks(options.ticks)))


if __name__ == "__main__":
    sys.exit(main())
