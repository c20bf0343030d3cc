"""SimpleGasPolicy adds up the gas an operation declares, and what that gas costs."""

from dataclasses import dataclass

from agent.domain.units import UINT128_MAX, Address, Gas, Wei

ADDRESS = Address.parse("0x0000000000d14A6F771494592218d8F9c2ddEbB6")


@dataclass(frozen=True, slots=True)
class SimpleGas:
    """At most so much declared gas and so much wei for it, ever."""

    gas_limit: Gas
    cost_limit_wei: Wei


def encode(config: SimpleGas) -> bytes:
    """Encode the init data; raise ValueError for a limit of zero or above 128 bits."""
    for limit in (config.gas_limit, config.cost_limit_wei):
        if not 0 < limit <= UINT128_MAX:
            raise ValueError(f"gas or cost limit {limit} is not in 1 to 2^128-1")
    return config.gas_limit.to_bytes(16, "big") + config.cost_limit_wei.to_bytes(16, "big")


def decode(init_data: bytes) -> SimpleGas:
    """Read the init data; what follows its 32 bytes is ignored on chain too."""
    if len(init_data) < 32:
        raise ValueError(f"gas limits need 32 bytes, not {len(init_data)}")
    gas, cost = int.from_bytes(init_data[:16], "big"), int.from_bytes(init_data[16:32], "big")
    return SimpleGas(Gas(gas), Wei(cost))
