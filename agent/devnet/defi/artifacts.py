"""The creation code of third-party contracts, from the compiled forms their packages have."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.devnet.errors import SetupError
from agent.domain.units import Address

HARDHAT = "artifacts/contracts"


def hardhat_file(package: str, source: str) -> Path:
    """Return where a package compiled by Hardhat keeps the contract named like its source file."""
    return Path(package) / HARDHAT / f"{source}.sol" / f"{source.rpartition('/')[2]}.json"


def creation_code(artifacts: Path, file: Path, libraries: Mapping[str, Address] | None = None) -> bytes:
    """Return the creation code in a file, linked with libraries by name; raise SetupError."""
    try:
        document = json.loads((artifacts / file).read_text())
    except FileNotFoundError as error:
        raise SetupError(f"{file.name} is not installed") from error
    text = _linked(_hex(document), document.get("linkReferences") or {}, libraries or {})
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise SetupError(f"{file.name} has no creation code, or a library of it is missing") from error


def _hex(document: Mapping[str, Any]) -> str:
    compiled = document.get("compilerOutput")
    found = compiled["evm"]["bytecode"]["object"] if compiled else document["bytecode"]
    return str(found).removeprefix("0x")


def _linked(text: str, references: Mapping[str, Any], libraries: Mapping[str, Address]) -> str:
    for found in references.values():
        for name, places in found.items():
            for place in places if name in libraries else ():
                start = 2 * place["start"]
                text = text[:start] + libraries[name].hex() + text[start + 2 * place["length"] :]
    return text
