"""What a bundle's transaction says of its operations."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from agent.domain.occurrence import Nonce
from agent.domain.units import Address, Gas
from agent.domain.user_operation import PaymasterFields, UserOperation
from agent.erc4337.calldata import (
    HANDLE_OPS,
    PACKED_TUPLE,
    bundled_operations,
    handle_ops_call,
    packed_tuple,
)
from agent.erc4337.packing import PackedUserOperation, packed
from agent.erc4337.user_op_hash import user_op_hash
from agent.erc4337.version import EntryPointVersion
from tests.builders import CHAIN_ID, ENTRY_POINT, PAYEE, a_user_operation

OTHER = Address(bytes(19) + b"\x01")
FINE = packed(a_user_operation(Nonce(9, 1)))


def a_deploying_operation(paymaster: PaymasterFields) -> UserOperation:
    """Return an operation with every field that one may have."""
    plain = replace(a_user_operation(Nonce(9, 1), call_data=b"other"), sender=OTHER, signature=b"signed")
    return replace(plain, factory=PAYEE, factory_data=b"deploy", paymaster=paymaster)


@pytest.mark.parametrize("version", list(EntryPointVersion))
def test_every_operation_of_a_bundle_is_read_back_and_has_its_hash(version: EntryPointVersion) -> None:
    limits = (Gas(0), Gas(0)) if version is EntryPointVersion.V06 else (Gas(30_000), Gas(40_000))
    mine = a_user_operation(Nonce(7, 3), call_data=b"mine")
    other = a_deploying_operation(PaymasterFields(OTHER, *limits, b"offer"))

    found = bundled_operations(handle_ops_call([mine, other], PAYEE, version), version)

    assert found == (mine, other)
    hashes = [user_op_hash(op, ENTRY_POINT, CHAIN_ID, version) for op in (*found, mine, other)]
    assert hashes[:2] == hashes[2:]


@pytest.mark.parametrize(
    "cut_short",
    [replace(FINE, init_code=b"\x77\x02"), replace(FINE, paymaster_and_data=bytes(PAYEE))],
    ids=["initCode", "paymasterAndData"],
)
def test_what_no_entry_point_runs_is_left_out_and_hides_nothing(cut_short: PackedUserOperation) -> None:
    mine = a_user_operation()
    rows = [packed_tuple(cut_short), packed_tuple(packed(mine))]
    data = HANDLE_OPS + encode([PACKED_TUPLE + "[]", "address"], [rows, PAYEE])

    assert bundled_operations(data, EntryPointVersion.V07) == (mine,)


@pytest.mark.parametrize("cut", [0, 3, 4, 40, 200])
def test_what_is_no_bundle_is_refused(cut: int) -> None:
    data = handle_ops_call([a_user_operation()], PAYEE)

    with pytest.raises(ValueError, match="handleOps"):
        bundled_operations(data[:cut], EntryPointVersion.V07)
    with pytest.raises(ValueError, match="handleOps"):
        bundled_operations(b"\x00\x00\x00\x00" + data[4:], EntryPointVersion.V07)


def test_a_bundle_for_another_release_is_refused() -> None:
    data = handle_ops_call([a_user_operation()], PAYEE, EntryPointVersion.V06)

    with pytest.raises(ValueError, match="handleOps"):
        bundled_operations(data, EntryPointVersion.V08)
