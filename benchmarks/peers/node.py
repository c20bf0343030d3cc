"""The Node stack (viem, permissionless, module-sdk) as a process that builds what it is told."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.devnet.node import find_node
from agent.devnet.paths import build_dir
from benchmarks.orders import Order, as_json

SOURCE = Path(__file__).parent
NPM_FILES = ("package.json", "package-lock.json", ".npmrc")
OP_BUILD = "op_build.mjs"
MULTICALL = "multicall.mjs"


def install() -> Path:
    """Return the folder with the peers installed as the lock file says; of many who ask, one installs."""
    folder = build_dir() / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(folder)
    return folder


def _install(folder: Path) -> None:
    stamp = folder / ".installed"
    wanted = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in NPM_FILES)).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        for name in NPM_FILES:
            shutil.copyfile(SOURCE / name, folder / name)
        node = find_node()
        subprocess.run(
            [str(node.npm), "ci", "--loglevel=error"], cwd=folder, env=node.environment(), check=True
        )
        stamp.write_text(wanted)
    # Node looks for packages beside the script.
    for script in (OP_BUILD, MULTICALL):
        shutil.copyfile(SOURCE / script, folder / script)


class NodePeer:
    """A running Node; one question, one answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, command: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Send a command and return its answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the Node stack has no pipes")
        stdin.write(json.dumps(command) + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeError("the Node stack ended")
        return json.loads(answer)


class NodeStack(NodePeer):
    """One that builds operations."""

    def load(self, key: bytes, orders: Sequence[Order]) -> None:
        """Give it the orders to build and the key to sign with."""
        self.ask({"load": {"key": "0x" + key.hex(), "orders": [as_json(order) for order in orders]}})

    def build(self) -> list[dict[str, Any]]:
        """Return hash and JSON-RPC form of every operation."""
        built: list[dict[str, Any]] = self.ask({"build": True})
        return built

    def build_cpu_us(self) -> float:
        """Build everything once; return the CPU time in microseconds."""
        return float(self.ask({"time": True})["cpu_us"])

    def recover_cpu_us(self) -> float:
        """Recover every signer once; return the CPU time in microseconds."""
        return float(self.ask({"recover": True})["cpu_us"])


@contextmanager
def node_stack() -> Iterator[NodeStack]:
    """Start the Node stack and end it again."""
    with _running(OP_BUILD) as process:
        yield NodeStack(process)


@contextmanager
def node_multicall() -> Iterator[NodePeer]:
    """Start viem reading through Multicall3 and end it again."""
    with _running(MULTICALL) as process:
        yield NodePeer(process)


@contextmanager
def _running(script: str) -> Iterator[subprocess.Popen[str]]:
    folder = install()
    process = subprocess.Popen(
        [str(find_node().node), script], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
