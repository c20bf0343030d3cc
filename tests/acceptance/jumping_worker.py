"""The agent's worker on a clock that is as wrong as a file says.

python -m tests.acceptance.jumping_worker -c FOLDER --offset FILE
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agent.bootstrap import World
from agent.domain.units import Timestamp
from agent.ports import Clock
from tests.acceptance.wrapped_worker import run_wrapped


class JumpingClock:
    """Another clock, so many seconds off."""

    def __init__(self, right: Clock, offset: Path) -> None:
        self._right = right
        self._offset = offset

    async def now(self) -> Timestamp:
        """Return the right time and what the file says."""
        return Timestamp(await self._right.now() + int(self._offset.read_text()))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._right.sleep(seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", dest="folder", type=Path, required=True)
    parser.add_argument("--offset", type=Path, required=True)
    options = parser.parse_args(arguments)

    def wrap(world: World) -> World:
        clock = JumpingClock(world.services.clock, options.offset)
        return replace(world, services=replace(world.services, clock=clock))

    return run_wrapped(options.folder, wrap)


if __name__ == "__main__":
    sys.exit(main())
