"""A call that an account makes, and what it is for."""

from dataclasses import dataclass

from agent.domain.units import Address, Wei


@dataclass(frozen=True, slots=True)
class Call:
    """One ERC-7579 `Execution`: target, value in wei, call data."""

    target: Address
    value_wei: Wei
    data: bytes
