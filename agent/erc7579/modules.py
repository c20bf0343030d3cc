"""Installing and removing a validator module."""

from eth_abi.abi import encode

from agent.domain.units import Address
from agent.erc7579.accounts import AccountKind
from agent.erc7579.execution import EXECUTE

INSTALL_MODULE = bytes.fromhex("9517e29f")
UNINSTALL_MODULE = bytes.fromhex("a71763a8")
VALIDATOR_MODULE = 1


def install_validator_call(kind: AccountKind, validator: Address, init_data: bytes = b"") -> bytes:
    """Encode `installModule(1, validator, …)` in the form that kind of account wants."""
    if kind.install_prefix:
        # Kernel: the third value grants the validator `execute`; without it: InvalidValidator.
        init_data = kind.install_prefix + encode(["bytes", "bytes", "bytes"], [init_data, b"", EXECUTE])
    return INSTALL_MODULE + encode(["uint256", "address", "bytes"], [VALIDATOR_MODULE, validator, init_data])


def uninstall_validator_call(validator: Address, deinit_data: bytes = b"") -> bytes:
    """Encode `uninstallModule(1, validator, deinitData)`."""
    return UNINSTALL_MODULE + encode(
        ["uint256", "address", "bytes"], [VALIDATOR_MODULE, validator, deinit_data]
    )
