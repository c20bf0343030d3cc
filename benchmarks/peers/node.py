"""The Node stack (viem, permissionless, module-sdk) as a process that builds what it is told."""

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
SCRIPT = "op_build.mjs"


def install() -> Path:
    """Return the folder with the peers installed as the lock file says."""
    folder = build_dir() / "peers"
    stamp = folder / ".installed"
    wanted = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in NPM_FILES)).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    if not stamp.is_file() or stamp.read_text() != wanted:
        for name in NPM_FILES:
            shutil.copyfile(SOURCE / name, folder / name)
        node = find_node()
        subprocess.run(
            [str(node.npm), "ci", "--loglevel=error"], cwd=folder, env=node.environment(), check=True
        )
        stamp.write_text(wanted)
    # Node looks for packages beside the script.
    shutil.copyfile(SOURCE / SCRIPT, folder / SCRIPT)
    return folder


class NodeStack:
    """A running Node; one question, one answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def load(self, key: bytes, orders: Sequence[Order]) -> None:
        """Give it the orders to build and the key to sign with."""
        self._ask({"load": {"key": "0x" + key.hex(), "orders": [as_json(order) for order in orders]}})

    def build(self) -> list[dict[str, Any]]:
        """Return hash and JSON-RPC form of every operation."""
        built: list[dict[str, Any]] = self._ask({"build": True})
        return built

    def build_cpu_us(self) -> float:
        """Build everything once; return the CPU time in microseconds."""
        return float(self._ask({"time": True})["cpu_us"])

    def recover_cpu_us(self) -> float:
        """Recover every signer once; return the CPU time in microseconds."""
        return float(self._ask({"recover": True})["cpu_us"])

    def _ask(self, command: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the Node stack has no pipes")
        stdin.write(json.dumps(command) + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeError("the Node stack ended")
        return json.loads(answer)


@contextmanager
def node_stack() -> Iterator[NodeStack]:
    """Start the Node stack and end it again."""
    folder = install()
    process = subprocess.Popen(
        [str(find_node().node), SCRIPT], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield NodeStack(process)
        finally:
            process.terminate()
