"""UsageLimitPolicy counts uses: operations, or executions of one action."""

from dataclasses import dataclass

from agent.domain.units import UINT128_MAX, Address

ADDRESS = Address.parse("0x00000000001d4479FA2A947026204d0283ceDe4B")


@dataclass(frozen=True, slots=True)
class UsageLimit:
    """At most so many uses, ever."""

    limit: int


def encode(config: UsageLimit) -> bytes:
    """Encode the init data; raise ValueError for a limit of zero or above 128 bits."""
    if not 0 < config.limit <= UINT128_MAX:
        raise ValueError(f"usage limit {config.limit} is not in 1 to 2^128-1")
    return config.limit.to_bytes(16, "big")


def decode(init_data: bytes) -> UsageLimit:
    """Read the init data; what follows its 16 bytes is ignored on chain too."""
    if len(init_data) < 16:
        raise ValueError(f"usage limit needs 16 bytes, not {len(init_data)}")
    return UsageLimit(int.from_bytes(init_data[:16], "big"))
