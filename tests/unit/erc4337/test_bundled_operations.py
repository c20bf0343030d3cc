"""What a bundle's transaction says of its operations."""

from dataclasses import replace

import pytest

from agent.domain.occurrence import Nonce
from agent.domain.units import Address
from agent.erc4337.calldata import BundledOperation, bundled_operations, handle_ops_call
from agent.erc4337.version import EntryPointVersion
from tests.builders import PAYEE, a_user_operation


@pytest.mark.parametrize("version", list(EntryPointVersion))
def test_every_operation_of_a_bundle_is_read_back(version: EntryPointVersion) -> None:
    mine = a_user_operation(Nonce(7, 3), call_data=b"mine")
    other = replace(a_user_operation(Nonce(9, 1), call_data=b"other"), sender=Address(bytes(19) + b"\x01"))

    found = bundled_operations(handle_ops_call([mine, other], PAYEE, version))

    assert found == tuple(BundledOperation(op.sender, op.nonce, op.call_data) for op in (mine, other))


@pytest.mark.parametrize("cut", [0, 3, 4, 40, 200])
def test_what_is_no_bundle_is_refused(cut: int) -> None:
    data = handle_ops_call([a_user_operation()], PAYEE)

    with pytest.raises(ValueError, match="handleOps"):
        bundled_operations(data[:cut])
    with pytest.raises(ValueError, match="handleOps"):
        bundled_operations(b"\x00\x00\x00\x00" + data[4:])
