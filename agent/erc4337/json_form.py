"""A UserOperation as bundlers take it over JSON-RPC (ERC-7769), read strictly and written quickly."""

from collections.abc import Mapping
from typing import Any

from agent.domain.units import UINT128_MAX, UINT256_MAX, Address, Gas, Wei, bytes_from_hex
from agent.domain.user_operation import PaymasterFields, UserOperation
from agent.erc4337.packing import (
    init_code,
    paymaster_and_data_v06,
    split_init_code,
    split_paymaster_and_data_v06,
)
from agent.erc4337.version import EntryPointVersion

_COMMON = (
    "sender",
    "nonce",
    "callData",
    "callGasLimit",
    "verificationGasLimit",
    "preVerificationGas",
    "maxFeePerGas",
    "maxPriorityFeePerGas",
)
_FIELDS_V06 = frozenset((*_COMMON, "initCode", "paymasterAndData", "signature"))
_PAYMASTER_FIELDS = (
    "paymasterVerificationGasLimit",
    "paymasterPostOpGasLimit",
    "paymasterData",
)
_FIELDS_V07 = frozenset((*_COMMON, "factory", "factoryData", "paymaster", *_PAYMASTER_FIELDS, "signature"))


def user_operation_from_json(form: Mapping[str, Any], version: EntryPointVersion) -> UserOperation:
    """Read the JSON-RPC form of that EntryPoint version; raise ValueError naming the field that is wrong.

    Optional fields may be absent or null. The signature may be absent: an unsigned operation has a hash too.
    """
    known = _FIELDS_V06 if version is EntryPointVersion.V06 else _FIELDS_V07
    unknown = sorted(set(form) - known)
    if unknown:
        raise ValueError(f"unknown field {unknown[0]} in a UserOperation of EntryPoint {version}")
    factory, factory_data, paymaster = (
        _sources_v06(form) if version is EntryPointVersion.V06 else _sources_v07(form)
    )
    return UserOperation(
        sender=_address(form, "sender"),
        nonce=_quantity(form, "nonce", UINT256_MAX),
        call_data=_data(form, "callData"),
        call_gas_limit=Gas(_quantity(form, "callGasLimit")),
        verification_gas_limit=Gas(_quantity(form, "verificationGasLimit")),
        pre_verification_gas=Gas(_quantity(form, "preVerificationGas", UINT256_MAX)),
        max_fee_per_gas=Wei(_quantity(form, "maxFeePerGas")),
        max_priority_fee_per_gas=Wei(_quantity(form, "maxPriorityFeePerGas")),
        factory=factory,
        factory_data=factory_data,
        paymaster=paymaster,
        signature=_optional_data(form, "signature"),
    )


def user_operation_to_json(op: UserOperation, version: EntryPointVersion) -> dict[str, str]:
    """Write the JSON-RPC form of that EntryPoint version."""
    form = {
        "sender": str(op.sender),
        "nonce": hex(op.nonce),
        "callData": "0x" + op.call_data.hex(),
        "callGasLimit": hex(op.call_gas_limit),
        "verificationGasLimit": hex(op.verification_gas_limit),
        "preVerificationGas": hex(op.pre_verification_gas),
        "maxFeePerGas": hex(op.max_fee_per_gas),
        "maxPriorityFeePerGas": hex(op.max_priority_fee_per_gas),
        "signature": "0x" + op.signature.hex(),
    }
    if version is EntryPointVersion.V06:
        form["initCode"] = "0x" + init_code(op).hex()
        form["paymasterAndData"] = "0x" + paymaster_and_data_v06(op).hex()
        return form
    if op.factory is not None:
        form["factory"] = str(op.factory)
        form["factoryData"] = "0x" + op.factory_data.hex()
    if op.paymaster is not None:
        form |= paymaster_to_json(op.paymaster)
    return form


def paymaster_to_json(payer: PaymasterFields) -> dict[str, str]:
    """Write the four paymaster fields of EntryPoint 0.7 and 0.8."""
    return {
        "paymaster": str(payer.paymaster),
        "paymasterVerificationGasLimit": hex(payer.paymaster_verification_gas_limit),
        "paymasterPostOpGasLimit": hex(payer.paymaster_post_op_gas_limit),
        "paymasterData": "0x" + payer.paymaster_data.hex(),
    }


def _sources_v06(form: Mapping[str, Any]) -> tuple[Address | None, bytes, PaymasterFields | None]:
    factory, factory_data = split_init_code(_optional_data(form, "initCode"))
    return factory, factory_data, split_paymaster_and_data_v06(_optional_data(form, "paymasterAndData"))


def _sources_v07(form: Mapping[str, Any]) -> tuple[Address | None, bytes, PaymasterFields | None]:
    factory = None if form.get("factory") is None else _address(form, "factory")
    factory_data = _optional_data(form, "factoryData")
    if factory is None and factory_data:
        raise ValueError("factoryData is given without factory")
    return factory, factory_data, _paymaster(form)


def _paymaster(form: Mapping[str, Any]) -> PaymasterFields | None:
    if form.get("paymaster") is None:
        lonely = [name for name in _PAYMASTER_FIELDS if form.get(name) not in (None, "0x", "0x0")]
        if lonely:
            raise ValueError(f"{lonely[0]} is given without paymaster")
        return None
    return PaymasterFields(
        _address(form, "paymaster"),
        Gas(_quantity(form, "paymasterVerificationGasLimit")),
        Gas(_quantity(form, "paymasterPostOpGasLimit")),
        _optional_data(form, "paymasterData"),
    )


def _text(form: Mapping[str, Any], name: str) -> str:
    value = form.get(name)
    if value is None:
        raise ValueError(f"{name} is missing")
    if isinstance(value, str):
        return value
    raise ValueError(f"{name} must be a 0x-hex string, not {type(value).__name__}")


def _quantity(form: Mapping[str, Any], name: str, maximum: int = UINT128_MAX) -> int:
    text = _text(form, name)
    digits = text[2:]
    # int() alone would take blanks, signs and underscores.
    if not text.startswith("0x") or not digits.isalnum() or not digits.isascii():
        raise ValueError(f"{name} must be a 0x-hex number, not {text[:80]!r}")
    try:
        value = int(digits, 16)
    except ValueError:
        raise ValueError(f"{name} must be a 0x-hex number, not {text[:80]!r}") from None
    if value > maximum:
        raise ValueError(f"{name} is {value:#x}, more than {maximum:#x}")
    return value


def _data(form: Mapping[str, Any], name: str) -> bytes:
    try:
        return bytes_from_hex(_text(form, name))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _optional_data(form: Mapping[str, Any], name: str) -> bytes:
    return b"" if form.get(name) is None else _data(form, name)


def _address(form: Mapping[str, Any], name: str) -> Address:
    text = _text(form, name)
    try:
        # Mixed case carries a checksum, one case does not.
        return Address.from_hex(text) if text[2:].islower() or text[2:].isdigit() else Address.parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
