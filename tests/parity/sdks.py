"""The SDKs the world uses: installed by npm (python -m tests.parity.sdks), asked through one Node process."""

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.devnet.node import find_node
from agent.devnet.paths import build_dir

SOURCE = Path(__file__).parent / "node"
NPM_FILES = ("package.json", "package-lock.json", ".npmrc")
SCRIPT = "parity.cjs"

MODULE_SDK = "@rhinestone/module-sdk"
RHINESTONE = "@rhinestone/sdk"
RHINESTONE_SESSIONS = "@rhinestone/sdk/smart-sessions"
RHINESTONE_PASSKEYS = "@rhinestone/sdk/signing/passkeys"
STARTALE = "@startale-scs/aa-sdk"
PACKAGES = (MODULE_SDK, STARTALE, RHINESTONE)


@dataclass(frozen=True, slots=True)
class Question:
    """A call of one export; `pick` names the fields of the answer that are wanted."""

    sdk: str
    name: str
    args: Sequence[Any] = ()
    pick: Any = None

    @property
    def line(self) -> str:
        return json.dumps({"sdk": self.sdk, "name": self.name, "args": self.args, "pick": self.pick})


@dataclass(frozen=True, slots=True)
class Failed:
    """What an SDK threw."""

    message: str


def folder() -> Path:
    """Return where the SDKs are installed."""
    return build_dir() / "parity"


def install() -> Path:
    """Install the SDKs as the lock file says, once, and return where."""
    target = folder()
    target.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(target):
        stamp = target / ".installed"
        wanted = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in NPM_FILES)).hexdigest()
        if not stamp.is_file() or stamp.read_text() != wanted:
            sys.stderr.write("parity: installing the SDKs to compare with (10 seconds, once)\n")
            for name in NPM_FILES:
                shutil.copyfile(SOURCE / name, target / name)
            node = find_node()
            # Not `npm ci`: it refuses a lock file that lacks the optional packages of other platforms.
            command = [str(node.npm), "install", "--no-save", "--loglevel=error"]
            subprocess.run(command, cwd=target, env=node.environment(), stdout=subprocess.DEVNULL, check=True)
            stamp.write_text(wanted)
        # Node looks for packages beside the script. Another process may be reading it.
        if (
            not (target / SCRIPT).is_file()
            or (target / SCRIPT).read_bytes() != (SOURCE / SCRIPT).read_bytes()
        ):
            shutil.copyfile(SOURCE / SCRIPT, target / f"{SCRIPT}.new")
            (target / f"{SCRIPT}.new").replace(target / SCRIPT)
    return target


def versions() -> dict[str, str]:
    """Return the pinned version of every package."""
    pinned: dict[str, str] = json.loads((SOURCE / "package.json").read_text())["dependencies"]
    return {package: pinned[package] for package in PACKAGES}


def ask(questions: Iterable[Question]) -> list[Any]:
    """Return what the SDKs answer, each in its place; a Failed where one threw."""
    return _answers([question.line for question in questions])


def exports_of(modules: Sequence[str]) -> dict[str, list[str] | Failed]:
    """Return the names that each module exports, sorted; a Failed for one that does not load."""
    lines = [json.dumps({"exportsOf": module}) for module in modules]
    return dict(zip(modules, _answers(lines), strict=True))


def _answers(lines: list[str]) -> list[Any]:
    done = subprocess.run(
        [str(find_node().node), SCRIPT],
        cwd=install(),
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(lines):
        raise RuntimeError(f"{len(lines)} questions, {len(answers)} answers: {done.stderr[-2000:]}")
    return [Failed(item["error"]) if "error" in item else item.get("value") for item in answers]


@contextmanager
def _one_at_a_time(target: Path) -> Iterator[None]:
    # Parallel test workers start together on an empty cache.
    with (target / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    install()
