"""Installing and removing a validator module, and asking whether it is there."""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from agent.domain.units import Address
from agent.erc7579.accounts import AccountKind
from agent.erc7579.execution import EXECUTE

INSTALL_MODULE = bytes.fromhex("9517e29f")
UNINSTALL_MODULE = bytes.fromhex("a71763a8")
IS_MODULE_INSTALLED = bytes.fromhex("112d3a7d")
VALIDATORS_PAGINATED = bytes.fromhex("5faac46b")
VALIDATOR_MODULE = 1
LIST_START = Address.parse("0x0000000000000000000000000000000000000001")
"""Stands before the first validator of a list."""
PAGE = 64


@dataclass(frozen=True, slots=True)
class Module:
    """A module and the data it is installed with."""

    address: Address
    init_data: bytes

    @property
    def as_tuple(self) -> tuple[Address, bytes]:
        """The pair as accounts take it."""
        return self.address, self.init_data


def install_validator_call(kind: AccountKind, validator: Address, init_data: bytes = b"") -> bytes:
    """Encode `installModule(1, validator, …)` in the form that kind of account wants."""
    if kind.install_prefix:
        # Kernel: the third value grants the validator `execute`; without it: InvalidValidator.
        init_data = kind.install_prefix + encode(["bytes", "bytes", "bytes"], [init_data, b"", EXECUTE])
    return INSTALL_MODULE + encode(["uint256", "address", "bytes"], [VALIDATOR_MODULE, validator, init_data])


def uninstall_validator_call(
    kind: AccountKind, validator: Address, previous: Address = LIST_START, deinit_data: bytes = b""
) -> bytes:
    """Encode `uninstallModule(1, validator, …)`; `previous` stands before it in the account's list."""
    if kind.lists_validators:
        deinit_data = encode(["address", "bytes"], [previous, deinit_data])
    return UNINSTALL_MODULE + encode(
        ["uint256", "address", "bytes"], [VALIDATOR_MODULE, validator, deinit_data]
    )


def is_validator_installed_call(validator: Address) -> bytes:
    """Encode `isModuleInstalled(1, validator, "")`."""
    head = VALIDATOR_MODULE.to_bytes(32, "big") + bytes(12) + validator
    return IS_MODULE_INSTALLED + head + (96).to_bytes(32, "big") + bytes(32)


def validators_call() -> bytes:
    """Encode `getValidatorsPaginated(start, 64)` of an account that keeps a list."""
    return VALIDATORS_PAGINATED + encode(["address", "uint256"], [LIST_START, PAGE])


def read_validators(answer: bytes) -> tuple[Address, ...]:
    """Read the answer of `getValidatorsPaginated`; raise ValueError for one that is no list."""
    try:
        (found, _) = decode(["address[]", "address"], answer)
    except DecodingError as error:
        raise ValueError(f"the account answered {len(answer)} bytes, no list of validators") from error
    return tuple(Address.from_hex(item) for item in found)


def previous_validator(validators: Sequence[Address], validator: Address) -> Address:
    """Return what stands before a validator in the account's list; raise ValueError if it is not there."""
    if validator not in validators:
        raise ValueError(f"{validator} is none of the account's {len(validators)} validators")
    index = validators.index(validator)
    return validators[index - 1] if index else LIST_START
