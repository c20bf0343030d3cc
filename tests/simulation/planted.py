"""Play seeds on an agent with a bug in it, until an invariant breaks.

echo NAME | python -m tests.simulation.planted

Each line names a bug of planted.toml and is answered with a line of JSON: the first seed that breaks what
the bug has to break, and how. The source on disk stays as it is: the modules that a bug changes are compiled
from memory, in a process forked for the bug alone, which imports the agent anew.
"""

import json
import multiprocessing
import sys
import tomllib
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
MOST_SEEDS = 400
PLANTED: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("planted.toml").read_text())["bug"]
OURS = frozenset({"agent", "jobs"})
THEIRS = (
    "apscheduler.schedulers.asyncio",
    "coincurve",
    "eth_abi.abi",
    "eth_utils",
    "orjson",
    "prometheus_client",
    "pydantic",
    "pydantic.dataclasses",
    "structlog",
    "tiny_keccak",
)
"""What the agent imports of others: loaded once, for every bug."""

_forks = multiprocessing.get_context("fork")


class Planted(MetaPathFinder, Loader):
    """Finds the changed modules before the ones on disk are found."""

    def __init__(self, sources: Mapping[str, tuple[Path, str]]) -> None:
        """Take by module where it is and its source."""
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a changed module; None leaves all others to the finders that come next."""
        if fullname not in self._sources:
            return None
        return spec_from_loader(fullname, self, origin=str(self._sources[fullname][0]), is_package=False)

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source in place of the one on disk."""
        path, source = self._sources[module.__name__]
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - as an import does

    def check_loaded(self) -> None:
        """Raise unless every changed module is the one that was imported."""
        missed = [
            name for name in self._sources if getattr(sys.modules.get(name), "__loader__", None) is not self
        ]
        assert not missed, f"{missed} play without the bug"


def plant(edits: Sequence[Mapping[str, str]]) -> Planted:
    """Make the changes, each of a place that must still be there once."""
    sources: dict[str, tuple[Path, str]] = {}
    for edit in edits:
        path, old = ROOT / edit["file"], edit["old"]
        module = edit["file"].removesuffix(".py").replace("/", ".")
        _, source = sources.get(module, (path, path.read_text()))
        assert source.count(old) == 1, f"{path.name} has no longer one {old.strip()!r}: plant the bug anew"
        sources[module] = path, source.replace(old, edit["new"])
    return Planted(sources)


def main() -> int:
    """Answer until no more is asked."""
    for name in THEIRS:
        import_module(name)
    bugs = {bug["name"]: bug for bug in PLANTED}
    for line in sys.stdin:
        print(json.dumps(_in_a_fork(bugs[line.strip()])), flush=True)
    return 0


def _in_a_fork(bug: Mapping[str, Any]) -> dict[str, Any]:
    receiver, sender = _forks.Pipe(duplex=False)
    process = _forks.Process(target=_find, args=(bug, sender))
    process.start()
    sender.close()
    try:
        found: dict[str, Any] = receiver.recv()
    except EOFError:
        found = {"error": "nothing was played, stderr says why"}
    process.join()
    return found


def _find(bug: Mapping[str, Any], sender: Connection) -> None:
    assert OURS.isdisjoint(sys.modules), "what is imported already cannot be changed"
    planted = plant(bug["edit"])
    sys.meta_path.insert(0, planted)
    from tests.simulation.find import first_broken

    planted.check_loaded()
    first = bug.get("from", 0)
    sender.send(first_broken(bug["faults"], bug["invariant"], range(first, first + MOST_SEEDS)))


if __name__ == "__main__":
    sys.exit(main())
