"""Addresses that belong to Smart Sessions itself; each policy's is in its own file."""

from agent.domain.units import Address

SMART_SESSION = Address.parse("0x00000000008bDABA73cD9815d79069c247Eb4bDA")
"""SmartSession, the build of 4 August 2025."""
SMART_SESSION_PREVIOUS = Address.parse("0x00000000002B0eCfbD0496EE71e01257dA0E37DE")

OWNABLE_VALIDATOR = Address.parse("0x000000000013fdB5234E4E3162a810F54d9f7E98")
"""The current build, whose session keys sign the operation's hash as it is."""
OWNABLE_VALIDATOR_BETA = Address.parse("0x0000000000E9E6E96Bcaa3c113187CdB7E38AED9")
OWNABLE_VALIDATOR_V0 = Address.parse("0x2483DA3A338895199E5e538530213157e931Bf06")

WEB_AUTHN_VALIDATOR = Address.parse("0x0000000000578c4cB0e472a5462da43C495C3F33")

PSEUDO_TARGET = Address.parse("0x0000000000000000000000000000000000000001")
"""Target of the fallback and of the admin action."""
FALLBACK_SELECTOR = bytes.fromhex("00000001")
ADMIN_SELECTOR = bytes.fromhex("00000002")
NATIVE_TRANSFER_SELECTOR = bytes.fromhex("ffffffff")
"""Stands for call data shorter than four bytes."""
