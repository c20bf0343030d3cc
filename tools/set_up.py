"""Make `.venv` and the artifacts under `build/`; do nothing where both are up to date.

Uses the standard library alone: it runs before anything is installed.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import promtool

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = ROOT / "build" / "stamps"
LOGS = ROOT / "build" / "log"
REQUIREMENTS = ROOT / "requirements"
OLDEST_NODE = 20


def main() -> None:
    """Run the steps that the named target needs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", action="store_true", help="also what the benchmarks race against")
    parser.add_argument("--test", action="store_true", help="also what the tests check files with")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ["UV_CACHE_DIR"] = str(ROOT / "build" / "cache" / "uv")
    make_venv()
    install_uv()
    install_locked("dev")
    install_project()
    if not node_is_usable():
        install_locked("node")
    if arguments.bench and shutil.which("redis-server") is None:
        install_locked("bench", "--no-build-isolation")
    if arguments.test:
        fetch_promtool()
    fetch_artifacts()
    if arguments.test or arguments.bench:
        compile_morpho()
    if arguments.test:
        fetch_sdks()


def make_venv() -> None:
    """Create `.venv`, or make it anew where it is broken, moved or of another Python."""
    if venv_version() == sys.version_info[:2]:
        return
    with Step(f"Python {sys.version_info[0]}.{sys.version_info[1]} environment in .venv"):
        shutil.rmtree(STAMPS, ignore_errors=True)
        run_or_stop("venv", sys.executable, "-m", "venv", "--clear", str(VENV))


def venv_version() -> tuple[int, ...] | None:
    """Return the Python version inside `.venv`; None where there is no working one at this path."""
    probe = "import pip, sys; print(sys.prefix, *sys.version_info[:2], sep='\\n')"
    try:
        answer = subprocess.run([venv_python(), "-c", probe], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    prefix, *version = answer.stdout.splitlines()
    return tuple(map(int, version)) if Path(prefix).resolve() == VENV else None


def install_uv() -> None:
    """Install uv, which does the rest in a tenth of pip's time; go on with pip where it cannot be had."""
    if (VENV / "bin" / "uv").is_file():
        return
    with Step("uv, the installer"):
        locked = str(REQUIREMENTS / "lock.txt")
        missing = run("lock", *pip_install(), "--require-hashes", "-r", locked) != 0
    if missing:
        print("set-up: uv cannot be had here, pip takes a minute longer", flush=True)


def install_locked(name: str, *options: str) -> None:
    """Install `requirements/<name>.txt`, every file checked against its hash."""
    locked = REQUIREMENTS / f"{name}.txt"
    stamp = Stamp(name, locked.read_bytes())
    if stamp.is_fresh():
        return
    count = sum("==" in line for line in locked.read_text().splitlines())
    what = "package" if count == 1 else "packages"
    with Step(f"{count} {what} locked in requirements/{name}.txt"):
        install(name, "--require-hashes", *options, "-r", str(locked))
    stamp.write()


def install_project() -> None:
    """Install the project itself, editable, with the build backend that is locked too."""
    stamp = Stamp("project", (ROOT / "pyproject.toml").read_bytes())
    if stamp.is_fresh():
        return
    with Step("the command .venv/bin/sessionkeeper"):
        install("project", "--no-build-isolation", "--no-deps", "--editable", str(ROOT))
    stamp.write()


def node_is_usable() -> bool:
    """Say whether PATH has npm and a Node that is new enough."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    answer = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major = answer.stdout.strip().removeprefix("v").partition(".")[0]
    return answer.returncode == 0 and major.isdigit() and int(major) >= OLDEST_NODE


def fetch_promtool() -> None:
    """Fetch the checker of Prometheus configurations; go on without it where it cannot be had."""
    if shutil.which("promtool") or promtool.FETCHED.is_file():
        return
    with Step("promtool, from Debian's package prometheus"):
        reason = promtool.fetch()
    if reason:
        print(f"set-up: no promtool ({reason}); its test is skipped and says so", flush=True)


def fetch_artifacts() -> None:
    """Let the devnet fetch and compile what it deploys; it prints its own progress."""
    done = subprocess.run([venv_python(), "-m", "agent.devnet.setup"], check=False)
    if done.returncode:
        raise SystemExit("The set-up of the devnet's artifacts failed (see above).")


def compile_morpho() -> None:
    """Let the devnet compile the one protocol that comes as source; it prints its own progress."""
    done = subprocess.run([venv_python(), "-m", "agent.devnet.defi.morpho_build"], check=False)
    if done.returncode:
        raise SystemExit("The set-up of Morpho Blue failed (see above).")


def fetch_sdks() -> None:
    """Let the parity tests fetch the SDKs they compare with; they print their own progress."""
    done = subprocess.run([venv_python(), "-m", "tests.parity.sdks"], check=False)
    if done.returncode:
        raise SystemExit("The set-up of the SDKs for the parity tests failed (see above).")


def install(log: str, *arguments: str) -> None:
    """Install with uv, or with pip where uv is missing or cannot reach the packages."""
    uv = VENV / "bin" / "uv"
    if uv.is_file() and run(log, str(uv), "pip", "install", "--python", venv_python(), *arguments) == 0:
        return
    run_or_stop(log, *pip_install(), *arguments)


def pip_install() -> tuple[str, ...]:
    """Return pip's command inside `.venv`."""
    return (venv_python(), "-m", "pip", "install", "--disable-pip-version-check", "--no-input")


def run_or_stop(log: str, *command: str) -> None:
    """Run one command; on failure show the end of its log and stop."""
    if run(log, *command) != 0:
        path = LOGS / f"{log}.log"
        tail = "\n".join(path.read_text().splitlines()[-15:])
        raise SystemExit(f"failed\n{tail}\nSet-up stopped; the whole log is {path.relative_to(ROOT)}")


def run(log: str, *command: str) -> int:
    """Run one command into `build/log/<log>.log` and return its exit code."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / f"{log}.log").open("w") as output:
        return subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False).returncode


def venv_python() -> str:
    """Return the interpreter of `.venv`."""
    return str(VENV / "bin" / "python")


class Step:
    """Print what is being done and how long it took."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        self.started = time.monotonic()
        print(f"set-up: {self.what} ... ", end="", flush=True)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            print(f"{time.monotonic() - self.started:.0f} s", flush=True)


class Stamp:
    """Remember by content, so that a fresh checkout with new file times is still up to date."""

    def __init__(self, name: str, content: bytes) -> None:
        self.path = STAMPS / name
        self.digest = hashlib.sha256(content + str(ROOT).encode()).hexdigest()

    def is_fresh(self) -> bool:
        return self.path.is_file() and self.path.read_text() == self.digest

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.digest)


if __name__ == "__main__":
    main()
