"""Run every benchmark and write build/bench.json; each module with `rows()` is one."""

import json
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import benchmarks
from benchmarks.report import Row

REPORT = Path("build") / "bench.json"


def main(only: list[str]) -> None:
    """Run the benchmarks named, or all; print each row as it comes."""
    REPORT.parent.mkdir(exist_ok=True)
    found: list[Row] = []
    for name in only or _names():
        print(f"{name} …", file=sys.stderr)
        for row in import_module(f"benchmarks.{name}").rows():
            print(f"{row.name:50} {row.ours:>12} {row.peer:>12} {row.unit:10} {row.ratio:>8} times better")
            found.append(row)
        # After each, so that a benchmark that fails does not take the others' figures along.
        REPORT.write_text(json.dumps([asdict(row) for row in found], indent=2) + "\n")


def _names() -> list[str]:
    modules = (module.name for module in iter_modules(benchmarks.__path__) if not module.ispkg)
    return [
        name
        for name in sorted(modules)
        if name != "__main__" and hasattr(import_module(f"benchmarks.{name}"), "rows")
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
