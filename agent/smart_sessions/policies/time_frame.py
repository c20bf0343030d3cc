"""TimeFramePolicy bounds a session in time; the EntryPoint compares the window with the block."""

from dataclasses import dataclass

from agent.domain.units import Address, Timestamp

ADDRESS = Address.parse("0x0000000000D30f611fA3bf652ac6879428586930")
LEGACY_ADDRESS = Address.parse("0x8177451511dE0577b911C254E9551D981C26dc72")
MAX_UINT48 = 2**48 - 1


@dataclass(frozen=True, slots=True)
class TimeFrame:
    """First and last second; zero means no bound on that side."""

    valid_after: Timestamp
    valid_until: Timestamp


def encode(config: TimeFrame) -> bytes:
    """Encode the init data; raise ValueError for a window the contract refuses or could never use."""
    if not (0 <= config.valid_after <= MAX_UINT48 and 0 <= config.valid_until <= MAX_UINT48):
        raise ValueError(f"{config} does not fit into 48 bits")
    if config.valid_after == config.valid_until == 0:
        raise ValueError("a time frame without any bound can be enabled but never used")
    if config.valid_until and config.valid_after > config.valid_until:
        raise ValueError(f"time frame ends at {config.valid_until}, before it starts at {config.valid_after}")
    return config.valid_until.to_bytes(6, "big") + config.valid_after.to_bytes(6, "big")


def decode(init_data: bytes) -> TimeFrame:
    """Read the init data; what follows its 12 bytes is ignored on chain too."""
    if len(init_data) < 12:
        raise ValueError(f"time frame needs 12 bytes, not {len(init_data)}")
    until, after = int.from_bytes(init_data[:6], "big"), int.from_bytes(init_data[6:12], "big")
    return TimeFrame(Timestamp(after), Timestamp(until))


def encode_legacy(config: TimeFrame) -> bytes:
    """Encode the init data of the earlier deployment: two words of 16 bytes."""
    encode(config)
    return config.valid_until.to_bytes(16, "big") + config.valid_after.to_bytes(16, "big")


def decode_legacy(init_data: bytes) -> TimeFrame:
    """Read the init data of the earlier deployment."""
    if len(init_data) != 32:
        raise ValueError(f"time frame of the earlier deployment needs 32 bytes, not {len(init_data)}")
    until, after = int.from_bytes(init_data[:16], "big"), int.from_bytes(init_data[16:], "big")
    return TimeFrame(Timestamp(after), Timestamp(until))
