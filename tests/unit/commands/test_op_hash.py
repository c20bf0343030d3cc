"""The hash of an operation document is the EntryPoint's."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.commands.json_document import DocumentError
from agent.commands.op_hash import op_hash
from agent.domain.units import Address, ChainId
from agent.erc4337.version import CANONICAL_ENTRY_POINTS, EntryPointVersion

FOLDER = Path(__file__).parents[2] / "vectors"
VECTORS: dict[str, Any] = json.loads((FOLDER / "smart_sessions.json").read_text())
PAYMASTERS: dict[str, Any] = json.loads((FOLDER / "owners.json").read_text())["paymasters"]
CHAIN = ChainId(VECTORS["chain_id"])
PLAIN = (
    "sender",
    "nonce",
    "callData",
    "callGasLimit",
    "verificationGasLimit",
    "preVerificationGas",
    "maxFeePerGas",
    "maxPriorityFeePerGas",
)


def _unpacked(vector: dict[str, Any]) -> dict[str, str]:
    """Take the packed fields of 0.7 apart, as bundlers want them."""
    limits, fees, payer = (
        vector["accountGasLimits"][2:],
        vector["gasFees"][2:],
        vector["paymasterAndData"][2:],
    )
    return {
        "sender": vector["sender"],
        "nonce": vector["nonce"],
        "callData": vector["callData"],
        "verificationGasLimit": hex(int(limits[:32], 16)),
        "callGasLimit": hex(int(limits[32:], 16)),
        "preVerificationGas": hex(vector["preVerificationGas"]),
        "maxPriorityFeePerGas": hex(int(fees[:32], 16)),
        "maxFeePerGas": hex(int(fees[32:], 16)),
        "paymaster": "0x" + payer[:40],
        "paymasterVerificationGasLimit": hex(int(payer[40:72], 16)),
        "paymasterPostOpGasLimit": hex(int(payer[72:104], 16)),
        "paymasterData": "0x" + payer[104:],
    }


@pytest.mark.parametrize("vector", VECTORS["userop_hash"], ids=lambda vector: vector["name"])
@pytest.mark.parametrize("version", EntryPointVersion)
def test_hash_is_the_entry_point_s(vector: dict[str, Any], version: EntryPointVersion) -> None:
    names = (*PLAIN, "initCode", "paymasterAndData") if version is EntryPointVersion.V06 else PLAIN
    text = json.dumps({name: vector[name] for name in names})
    entry_point = Address.parse(VECTORS["entrypoints"][f"{version}.0"])
    expected = vector[f"hash_v{version.replace('.', '')}"]
    assert str(op_hash(text, "op.json", version, entry_point, CHAIN)) == expected


@pytest.mark.parametrize(
    "name", ["verifying_v07", "singleton_verifying_v07", "singleton_erc20_v07", "singleton_verifying_v08"]
)
def test_paymaster_s_fields_are_hashed(name: str) -> None:
    version = EntryPointVersion.V08 if name.endswith("v08") else EntryPointVersion.V07
    vector = PAYMASTERS[name]
    found = op_hash(json.dumps(_unpacked(vector)), name, version, CANONICAL_ENTRY_POINTS[version], CHAIN)
    assert str(found) == vector["userOpHash"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"nonce": 5}, "nonce must be a 0x-hex string"),
        ({"nonce": "5"}, "nonce must be a 0x-hex number"),
        ({"sender": "0x11"}, "sender"),
        ({"callGasLimit": "0x1" + "0" * 32}, "callGasLimit"),
        ({"initCode": "0x"}, "unknown field initCode"),
        ({"callData": None}, "callData is missing"),
    ],
)
def test_malformed_operation_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    form = {name: VECTORS["userop_hash"][0][name] for name in PLAIN} | change
    version = EntryPointVersion.V07
    with pytest.raises(DocumentError, match=f"op.json: .*{reason}"):
        op_hash(json.dumps(form), "op.json", version, CANONICAL_ENTRY_POINTS[version], CHAIN)
