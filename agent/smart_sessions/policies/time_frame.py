"""TimeFramePolicy bounds a session in time; the EntryPoint compares the window with the block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.domain.units import Address, Timestamp
from agent.smart_sessions.policies.policy import (
    MAX_UINT48,
    NEW_SESSION,
    ActionCall,
    Allowed,
    Answer,
    OperationFacts,
    Policy,
    Refused,
    Slot,
    Use,
    View,
    Window,
    words_of,
)
from agent.smart_sessions.reverts import Revert

ADDRESS = Address.parse("0x0000000000D30f611fA3bf652ac6879428586930")
LEGACY_ADDRESS = Address.parse("0x8177451511dE0577b911C254E9551D981C26dc72")
CONFIG_VIEW = bytes.fromhex("60feedad")


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
    """Encode the init data of the earlier deployment: two numbers of 16 bytes."""
    encode(config)
    return config.valid_until.to_bytes(16, "big") + config.valid_after.to_bytes(16, "big")


def decode_legacy(init_data: bytes) -> TimeFrame:
    """Read the init data of the earlier deployment."""
    if len(init_data) < 32:
        raise ValueError(f"time frame of the earlier deployment needs 32 bytes, not {len(init_data)}")
    until, after = int.from_bytes(init_data[:16], "big"), int.from_bytes(init_data[16:32], "big")
    return TimeFrame(Timestamp(after), Timestamp(until))


class TimeFramePolicy(Policy):
    """Returns its window with every answer; the session's windows are intersected."""

    name = "TimeFrame"
    uses = frozenset(Use)

    def __init__(self, address: Address, decoded: Callable[[bytes], TimeFrame]) -> None:
        super().__init__(address)
        self._decoded = decoded

    def initialized(self, slot: Slot, init_data: bytes, previous: object) -> TimeFrame:
        try:
            config = self._decoded(init_data)
        except ValueError:
            raise Revert from None
        if config.valid_until and config.valid_after > config.valid_until:
            raise Revert(slot.not_initialized())
        return config

    def check_user_op(self, slot: Slot, state: TimeFrame, facts: OperationFacts) -> Answer:
        return _window(slot, state)

    def check_action(self, slot: Slot, state: TimeFrame, call: ActionCall) -> Answer:
        return _window(slot, state)

    def views(self, slot: Slot, init_data: bytes) -> tuple[View, ...]:
        # The earlier deployment answers in another form; its window cannot change without a new grant.
        if self.address == LEGACY_ADDRESS:
            return ()
        return (View(self.address, CONFIG_VIEW + slot.words()),)

    def state_from(self, slot: Slot, init_data: bytes, answers: Sequence[bytes | None]) -> TimeFrame:
        if not answers:
            return self.initialized(slot, init_data, None)
        (packed,) = words_of(answers[0], 1)
        return TimeFrame(Timestamp(packed & MAX_UINT48), Timestamp(packed >> 48))

    def init_data(self, state: TimeFrame) -> bytes:
        width = 16 if self.address == LEGACY_ADDRESS else 6
        return state.valid_until.to_bytes(width, "big") + state.valid_after.to_bytes(width, "big")

    def widens(self, granted: TimeFrame, found: TimeFrame) -> bool:
        end, granted_end = (item.valid_until or MAX_UINT48 for item in (found, granted))
        return end > granted_end or found.valid_after < granted.valid_after


def _window(slot: Slot, state: TimeFrame) -> Answer:
    if state.valid_after == state.valid_until == 0:
        return Refused(
            "time_frame_empty",
            f"the time frame has no bounds and can never be used: {NEW_SESSION}",
            revert=slot.not_initialized(),
        )
    return Allowed(state, window=Window(state.valid_after, state.valid_until or MAX_UINT48))
