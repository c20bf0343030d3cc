"""The EntryPoint versions whose formats the agent speaks."""

from enum import StrEnum

from agent.domain.units import Address


class EntryPointVersion(StrEnum):
    """A release of the EntryPoint contract."""

    V06 = "0.6"
    V07 = "0.7"
    V08 = "0.8"


CANONICAL_ENTRY_POINTS = {
    EntryPointVersion.V06: Address.parse("0x5FF137D4b0FDCD49DcA30c7CF57E578a026d2789"),
    EntryPointVersion.V07: Address.parse("0x0000000071727De22E5E9d8BAf0edAc6f37da032"),
    EntryPointVersion.V08: Address.parse("0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108"),
}
