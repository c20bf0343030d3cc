"""Install what the local chain needs; a second run takes no time: python -m agent.devnet.setup."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.devnet.errors import SetupError
from agent.devnet.install import Progress, install_multicall, install_packages, install_programs
from agent.devnet.paths import build_dir, devnet_dir
from agent.devnet.stand_ins import stand_in_codes


def set_up(build: Path | None = None, progress: Progress | None = None) -> None:
    """Install programs and artifacts and compile the stand-ins, unless that was done; raise SetupError."""
    say = progress or _print
    devnet = devnet_dir(build)
    devnet.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(devnet):
        install_programs(devnet, say)
        install_packages(devnet, say)
        install_multicall(devnet, say)
        stand_in_codes(build or build_dir())


def install_part(part: str, build: Path | None = None, progress: Progress | None = None) -> None:
    """Install the packages that this part alone needs, unless that was done; raise SetupError."""
    devnet = devnet_dir(build)
    devnet.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(devnet):
        install_packages(devnet, progress or _print, part)


def _print(text: str) -> None:
    sys.stderr.write(f"devnet: {text}\n")
    sys.stderr.flush()


@contextmanager
def _one_at_a_time(devnet: Path) -> Iterator[None]:
    # Parallel test workers start together on an empty cache.
    with (devnet / ".set-up-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Run the set-up as a command."""
    try:
        set_up()
    except SetupError as error:
        _print(f"{error}\n{error.remedy}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
