"""Compile Morpho Blue from the source its package ships, once: python -m agent.devnet.defi.morpho_build."""

import sys
from pathlib import Path

from agent.devnet.compile import Artifact, compile_contracts, solc_package
from agent.devnet.errors import SetupError
from agent.devnet.paths import build_dir, devnet_dir
from agent.devnet.setup import install_part

PART = "morpho"
SETTINGS = {
    "viaIR": True,
    "optimizer": {"enabled": True, "runs": 999_999},
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
    "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}},
}
"""As the protocol itself is built."""


def morpho_contracts(build: Path | None = None) -> dict[str, Artifact]:
    """Return Morpho and its mocks by name; a quarter of a minute the first time. Raise SetupError."""
    root = build or build_dir()
    artifacts = devnet_dir(root) / "artifacts"
    install_part(PART, root)
    soljson = artifacts / "solc-0.8.19" / "soljson.js"
    source, out = artifacts / "morpho-blue" / "src", root / "morpho"
    return compile_contracts(source, solc_package(root), out, settings=SETTINGS, soljson=soljson)


def main() -> int:
    """Compile as a command."""
    try:
        morpho_contracts()
    except SetupError as error:
        sys.stderr.write(f"{error}\n{error.remedy}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
