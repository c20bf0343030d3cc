"""Compile contracts with solc-js, once per state of the sources."""

import fcntl
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.devnet.errors import SetupError
from agent.devnet.node import find_node
from agent.devnet.paths import SOURCE, build_dir

Progress = Callable[[str], None]

CONTRACTS = SOURCE / "contracts"
STAMP = ".sources"
SETTINGS = {
    "evmVersion": "cancun",
    "optimizer": {"enabled": True, "runs": 200},
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
    "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}},
}
RUN_SOLC = (
    "const [, solc, other] = process.argv;"
    "const found = other ? require(solc + '/wrapper')(require(other)) : require(solc);"
    "process.stdout.write(found.compile(require('fs').readFileSync(0, 'utf8')));"
)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract: its interface, creation code and runtime code."""

    abi: list[dict[str, Any]]
    bytecode: bytes
    runtime: bytes


def compiled_contracts(build: Path | None = None) -> dict[str, Artifact]:
    """Return every stand-in by name, compiling when the sources changed; raise SetupError."""
    root = build or build_dir()
    return compile_contracts(CONTRACTS, solc_package(root), root / "contracts")


def solc_package(build: Path) -> Path:
    """Return where set-up installs the compiler."""
    return build / "devnet" / "npm" / "node_modules" / "solc"


def compile_contracts(
    sources: Path,
    solc: Path,
    out: Path,
    progress: Progress | None = None,
    *,
    settings: Mapping[str, Any] = SETTINGS,
    soljson: Path | None = None,
) -> dict[str, Artifact]:
    """Compile every contract named like its file into `out/<Name>.json`; raise SetupError as solc says.

    `soljson` is the compiler itself where it is of another version than the package `solc` around it.
    """
    files = _source_files(sources)
    stamp = hashlib.sha256(json.dumps([files, settings], sort_keys=True).encode()).hexdigest()
    say = progress or (lambda text: print(f"devnet: {text}", file=sys.stderr, flush=True))
    with _one_at_a_time(out):
        if _read(out / STAMP) != stamp:
            say(f"compiling {len(files)} Solidity files")
            artifacts = _deployable(_compile(files, settings, [solc, soljson] if soljson else [solc]))
            # Whoever stops in the middle leaves no stamp that vouches for half of them.
            (out / STAMP).unlink(missing_ok=True)
            _write_artifacts(artifacts, out)
            (out / STAMP).write_text(stamp)
    return {file.stem: _artifact(file) for file in sorted(out.glob("*.json"))}


@contextmanager
def _one_at_a_time(out: Path) -> Iterator[None]:
    # Parallel test workers start together on an empty cache.
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _source_files(sources: Path) -> dict[str, str]:
    found = sorted(sources.rglob("*.sol"))
    if not found:
        raise SetupError(f"{sources} has no Solidity source")
    return {file.relative_to(sources).as_posix(): file.read_text() for file in found}


def _compile(
    files: Mapping[str, str], settings: Mapping[str, Any], programs: Sequence[Path]
) -> dict[str, Any]:
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in files.items()},
        "settings": settings,
    }
    ran = subprocess.run(
        [find_node().node, "-e", RUN_SOLC, *programs],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise SetupError(f"solc did not run: {ran.stderr.strip()}")
    answer: dict[str, Any] = json.loads(ran.stdout)
    problems = [error["formattedMessage"] for error in answer.get("errors", [])]
    if problems:
        raise SetupError("the contracts do not compile cleanly\n" + "\n".join(problems))
    return answer


def _deployable(answer: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found = {}
    for source, contracts in answer["contracts"].items():
        name = Path(source).stem
        compiled = contracts.get(name)
        if compiled and "lib/" not in source and compiled["evm"]["bytecode"]["object"]:
            found[name] = {
                "abi": compiled["abi"],
                "bytecode": "0x" + compiled["evm"]["bytecode"]["object"],
                "deployedBytecode": "0x" + compiled["evm"]["deployedBytecode"]["object"],
            }
    return found


def _write_artifacts(artifacts: Mapping[str, dict[str, Any]], out: Path) -> None:
    for stale in out.glob("*.json"):
        stale.unlink()
    for name, artifact in artifacts.items():
        (out / f"{name}.json").write_text(json.dumps(artifact, indent=1))


def _artifact(file: Path) -> Artifact:
    content = json.loads(file.read_text())
    return Artifact(
        abi=content["abi"],
        bytecode=bytes.fromhex(content["bytecode"][2:]),
        runtime=bytes.fromhex(content["deployedBytecode"][2:]),
    )


def _read(file: Path) -> str:
    return file.read_text() if file.is_file() else ""
