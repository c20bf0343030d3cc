"""Fetch promtool without installing anything: unpack Debian's package under `build/tools`."""

import os
import shutil
import subprocess
from pathlib import Path

FETCHED = Path(__file__).resolve().parent.parent / "build" / "tools" / "promtool"


def fetch() -> str | None:
    """Put promtool at `FETCHED`; return None, or why it cannot be had here."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return "this is not a Debian system and PATH has none"
    work = FETCHED.parent / "prometheus"
    work.mkdir(parents=True, exist_ok=True)
    try:
        package = _download(work)
        subprocess.run(["dpkg-deb", "-x", package, work / "root"], capture_output=True, check=True)
        (work / "root" / "usr" / "bin" / "promtool").replace(FETCHED)
    except (OSError, subprocess.CalledProcessError, StopIteration) as error:
        return f"fetching the package failed: {error}"
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return None


def _download(work: Path) -> Path:
    command = ["apt-get", "download", "prometheus"]
    done = subprocess.run(command, cwd=work, capture_output=True, check=False)
    if done.returncode and os.geteuid() == 0:
        # A new machine has no package lists yet.
        subprocess.run(["apt-get", "update"], capture_output=True, check=True)
        done = subprocess.run(command, cwd=work, capture_output=True, check=False)
    done.check_returncode()
    return next(work.glob("prometheus_*.deb"))
