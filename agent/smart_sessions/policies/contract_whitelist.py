"""ContractWhitelistPolicy lets calls through to listed contracts, whatever they say and bring."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.units import ZERO_ADDRESS, Address
from agent.smart_sessions.policies.policy import (
    ActionCall,
    Allowed,
    Answer,
    Policy,
    Refused,
    Slot,
    Use,
    View,
    words_of,
)
from agent.smart_sessions.reverts import Revert

ADDRESS = Address.parse("0x0000000000d79359D85e62796104D7AE863fFAcb")
WHITELISTED_VIEW = bytes.fromhex("8452c138")
INVALID_INIT_DATA = bytes.fromhex("f9c42c60")
_WIDTH = 20

Targets = frozenset[Address]


@dataclass(frozen=True, slots=True)
class ContractWhitelist:
    """The contracts that may be called; value and data are free."""

    targets: tuple[Address, ...]


def encode(config: ContractWhitelist) -> bytes:
    """Encode the init data; raise ValueError for no contract or the zero address."""
    if not config.targets or ZERO_ADDRESS in config.targets:
        raise ValueError("a whitelist needs contracts, and the zero address is none")
    return b"".join(config.targets)


def decode(init_data: bytes) -> ContractWhitelist:
    """Read the init data; raise ValueError when it is none."""
    if not init_data or len(init_data) % _WIDTH:
        raise ValueError(f"a whitelist of {len(init_data)} bytes is no list of addresses")
    starts = range(0, len(init_data), _WIDTH)
    targets = tuple(Address(init_data[start : start + _WIDTH]) for start in starts)
    if ZERO_ADDRESS in targets:
        raise ValueError("the zero address is no contract")
    return ContractWhitelist(targets)


class ContractWhitelistPolicy(Policy):
    """Looks at the target alone."""

    name = "ContractWhitelist"
    uses = frozenset((Use.ACTION,))

    def initialized(self, slot: Slot, init_data: bytes, previous: Targets | None) -> Targets:
        return _targets(init_data)

    def check_action(self, slot: Slot, state: Targets, call: ActionCall) -> Answer:
        if call.target in state:
            return Allowed(state)
        remedy = f"{call.target} is not on the session's list: ask the owner for a session that lists it"
        return Refused("contract_not_listed", remedy)

    def views(self, slot: Slot, init_data: bytes) -> tuple[View, ...]:
        try:
            targets = decode(init_data).targets
        except ValueError:
            return ()
        words = WHITELISTED_VIEW + slot.words() + bytes(12)
        return tuple(View(self.address, words + target) for target in targets)

    def state_from(self, slot: Slot, init_data: bytes, answers: Sequence[bytes | None]) -> Targets:
        pairs = zip(decode(init_data).targets, answers, strict=True)
        return frozenset(target for target, answer in pairs if words_of(answer, 1) == (1,))

    def candidates(self, members: Sequence[Address]) -> bytes:
        return b"".join(member for member in members if member != ZERO_ADDRESS)

    def init_data(self, state: Targets) -> bytes:
        # The contract keeps a set: only its members can be told, in an order of ours.
        return b"".join(sorted(state))

    def widens(self, granted: Targets, found: Targets) -> bool:
        return not found <= granted


def _targets(init_data: bytes) -> Targets:
    try:
        return frozenset(decode(init_data).targets)
    except ValueError:
        raise Revert(INVALID_INIT_DATA) from None
