from typing import Any

import pytest

from agent.domain.units import Address, ChainId, Gas, Wei, bytes_from_hex
from agent.domain.user_operation import UserOperation
from agent.erc4337.packing import (
    account_gas_limits,
    gas_fees,
    init_code,
    packed,
    paymaster_and_data,
    split_init_code,
    split_paymaster_and_data,
)
from agent.erc4337.user_op_hash import PACKED_USER_OPERATION_TYPEHASH, user_op_hash
from agent.erc4337.version import CANONICAL_ENTRY_POINTS, EntryPointVersion
from tests.vectors import vectors

CHAIN = ChainId(31337)
ENTRIES = vectors("smart_sessions")["userop_hash"]
SPONSORED = vectors("owners")["paymasters"]


def operation(entry: dict[str, Any]) -> UserOperation:
    factory, factory_data = split_init_code(bytes_from_hex(entry["initCode"]))
    return UserOperation(
        sender=Address.parse(entry["sender"]),
        nonce=int(entry["nonce"], 16),
        call_data=bytes_from_hex(entry["callData"]),
        call_gas_limit=Gas(int(entry["callGasLimit"], 16)),
        verification_gas_limit=Gas(int(entry["verificationGasLimit"], 16)),
        pre_verification_gas=Gas(int(entry["preVerificationGas"], 16)),
        max_fee_per_gas=Wei(int(entry["maxFeePerGas"], 16)),
        max_priority_fee_per_gas=Wei(int(entry["maxPriorityFeePerGas"], 16)),
        factory=factory,
        factory_data=factory_data,
        paymaster=split_paymaster_and_data(bytes_from_hex(entry["paymasterAndData"])),
    )


def sponsored_operation(entry: dict[str, Any]) -> UserOperation:
    limits, fees = bytes_from_hex(entry["accountGasLimits"]), bytes_from_hex(entry["gasFees"])
    return UserOperation(
        sender=Address.parse(entry["sender"]),
        nonce=int(entry["nonce"], 16),
        call_data=bytes_from_hex(entry["callData"]),
        call_gas_limit=Gas(int.from_bytes(limits[16:], "big")),
        verification_gas_limit=Gas(int.from_bytes(limits[:16], "big")),
        pre_verification_gas=Gas(entry["preVerificationGas"]),
        max_fee_per_gas=Wei(int.from_bytes(fees[16:], "big")),
        max_priority_fee_per_gas=Wei(int.from_bytes(fees[:16], "big")),
        paymaster=split_paymaster_and_data(bytes_from_hex(entry["paymasterAndData"])),
    )


@pytest.mark.parametrize("version", EntryPointVersion)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_hash_equals_the_entry_point_s(entry: dict[str, Any], version: EntryPointVersion) -> None:
    expected = entry["hash_v" + version.replace(".", "")]

    assert str(user_op_hash(operation(entry), CANONICAL_ENTRY_POINTS[version], CHAIN, version)) == expected


@pytest.mark.parametrize("name", SPONSORED)
def test_hash_of_a_sponsored_operation_equals_the_entry_point_s(name: str) -> None:
    version = EntryPointVersion.V08 if name.endswith("v08") else EntryPointVersion.V07
    op = sponsored_operation(SPONSORED[name])

    assert (
        str(user_op_hash(op, CANONICAL_ENTRY_POINTS[version], CHAIN, version))
        == SPONSORED[name]["userOpHash"]
    )
    assert paymaster_and_data(op) == bytes_from_hex(SPONSORED[name]["paymasterAndData"])


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_packed_fields_equal_the_entry_point_s(entry: dict[str, Any]) -> None:
    op = operation(entry)

    assert account_gas_limits(op).hex() == entry["accountGasLimits"][2:]
    assert gas_fees(op).hex() == entry["gasFees"][2:]
    assert init_code(op).hex() == entry["initCode"][2:]
    assert packed(op).call_data == op.call_data


def test_canonical_entry_points_are_the_recorded_ones() -> None:
    recorded = vectors("smart_sessions")["entrypoints"]

    assert {v + ".0": str(address) for v, address in CANONICAL_ENTRY_POINTS.items()} == recorded


def test_typehash_of_the_packed_operation_is_the_recorded_one() -> None:
    domain = vectors("smart_sessions")["v08_domain"]

    assert "0x" + PACKED_USER_OPERATION_TYPEHASH.hex() == domain["typehash"]


def test_gas_limit_above_128_bits_does_not_fit() -> None:
    with pytest.raises(OverflowError):
        account_gas_limits(operation(ENTRIES[1] | {"callGasLimit": hex(2**128)}))
