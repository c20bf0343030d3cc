"""Read the folder of `--contracts`: compiler artifacts that replace the stand-ins."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from agent.devnet.errors import ContractsError

BUILT_BESIDE = frozenset({"CometStandIn", "TokenPaymaster"})
"""A build of all our sources holds these too: they take arguments, so they are deployed, never placed."""


def runtime_codes(folder: Path, known: Iterable[str]) -> dict[str, bytes]:
    """Return the runtime code of every artifact in the folder by contract name; raise ContractsError."""
    if not folder.is_dir():
        raise ContractsError(f"{folder} is not a folder")
    files = sorted(file for file in folder.glob("*.json") if file.stem not in BUILT_BESIDE)
    if not files:
        raise ContractsError(f"{folder} has no .json file")
    names = sorted(known)
    unknown = [file.name for file in files if file.stem not in names]
    if unknown:
        raise ContractsError(f"{folder}: unknown contract {', '.join(unknown)}; known are {', '.join(names)}")
    return {file.stem: _runtime_code(file) for file in files}


def _runtime_code(file: Path) -> bytes:
    try:
        artifact = json.loads(file.read_bytes())
    except ValueError as error:
        raise ContractsError(f"{file} is not JSON: {error}") from error
    value = artifact.get("deployedBytecode") if isinstance(artifact, Mapping) else None
    text = value.get("object") if isinstance(value, Mapping) else value
    if not isinstance(text, str) or text in {"", "0x"}:
        raise ContractsError(f"{file} has no deployedBytecode")
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise ContractsError(f"{file}: deployedBytecode is not hex, or has unlinked libraries") from error
