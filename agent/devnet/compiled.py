"""Read the compiled contracts that set-up installed."""

import ast
import json
import re
from pathlib import Path

from agent.devnet.errors import SetupError
from agent.domain.keccak import keccak256
from agent.domain.units import Address
from agent.erc4337.version import EntryPointVersion

USDC_FOLDER = Path("stablecoin-evm") / "artifacts" / "hardhat" / "contracts"
PRECOMPILES = Path("modulekit") / "src" / "deployment" / "precompiles"
MULTICALL3_CODE_HASH = bytes.fromhex("d5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891")


def entry_point_creation_code(artifacts: Path, version: EntryPointVersion) -> bytes:
    """Return the exact creation code of that EntryPoint."""
    return _bytecode(artifacts / f"account-abstraction-{version}" / "artifacts" / "EntryPoint.json")


def verifying_paymaster_creation_code(artifacts: Path) -> bytes:
    """Return the creation code of the VerifyingPaymaster for EntryPoint 0.7, without its arguments."""
    version = EntryPointVersion.V07
    return _bytecode(artifacts / f"account-abstraction-{version}" / "artifacts" / "VerifyingPaymaster.json")


def account_creation_code(artifacts: Path, account: str, constant: str) -> bytes:
    """Return a hex constant of a precompiled account ("Kernel"); raise SetupError when it is not there."""
    file = PRECOMPILES / f"{account}Precompiles.sol"
    found = re.search(rf'constant {constant} =\s*hex"([0-9a-f]+)"', _text(artifacts / file))
    if found is None:
        raise SetupError(f"{file.name} has no constant {constant}")
    return bytes.fromhex(found[1])


def usdc_creation_code(artifacts: Path, source: str, signature_checker: Address | None = None) -> bytes:
    """Return the creation code of one of Circle's contracts, linked with its library if it is given."""
    file = artifacts / USDC_FOLDER / f"{source}.sol" / f"{source.rpartition('/')[2]}.json"
    text = json.loads(_text(file))["bytecode"]
    if signature_checker is not None:
        text = re.sub(r"__\$[0-9a-f]{34}\$__", signature_checker.hex(), text)
    return bytes.fromhex(text.removeprefix("0x"))


def multicall3_runtime_code(artifacts: Path) -> bytes:
    """Return the code Multicall3 has on every chain; raise SetupError when its hash is another."""
    for node in ast.parse(_text(artifacts / "multicall" / "constants.py")).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "MULTICALL3_BYTECODE":
            code = bytes.fromhex(_only_string(node).removeprefix("0x"))
            if keccak256(code) == MULTICALL3_CODE_HASH:
                return code
    raise SetupError("the installed package has no Multicall3 code with the known hash")


def _only_string(node: ast.AST) -> str:
    return next(
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.startswith("0x")
    )


def _bytecode(file: Path) -> bytes:
    return bytes.fromhex(str(json.loads(_text(file))["bytecode"]).removeprefix("0x"))


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError as error:
        raise SetupError(f"{file.name} is not installed") from error
