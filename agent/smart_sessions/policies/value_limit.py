"""ValueLimitPolicy adds up native currency: over a whole operation, or over the uses of one action."""

from dataclasses import dataclass

from agent.domain.units import UINT256_MAX, Address, Wei

ADDRESS = Address.parse("0x000000000021dC45451291BCDfc9f0B46d6f0278")


@dataclass(frozen=True, slots=True)
class ValueLimit:
    """At most so much native currency, ever."""

    limit_wei: Wei


def encode(config: ValueLimit) -> bytes:
    """Encode the init data; raise ValueError for a limit of zero or above 256 bits."""
    if not 0 < config.limit_wei <= UINT256_MAX:
        raise ValueError(f"value limit {config.limit_wei} is not in 1 to 2^256-1")
    return config.limit_wei.to_bytes(32, "big")


def decode(init_data: bytes) -> ValueLimit:
    """Read the init data; what follows its 32 bytes is ignored on chain too."""
    if len(init_data) < 32:
        raise ValueError(f"value limit needs 32 bytes, not {len(init_data)}")
    return ValueLimit(Wei(int.from_bytes(init_data[:32], "big")))
