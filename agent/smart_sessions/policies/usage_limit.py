"""UsageLimitPolicy counts uses: operations, or executions of one action."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.units import UINT128_MAX, Address
from agent.smart_sessions.policies.counter import Counter, counter_from, take
from agent.smart_sessions.policies.policy import (
    GRANT_MORE,
    ActionCall,
    Answer,
    Charge,
    OperationFacts,
    Part,
    Policy,
    Slot,
    Use,
    View,
)
from agent.smart_sessions.reverts import Revert

ADDRESS = Address.parse("0x00000000001d4479FA2A947026204d0283ceDe4B")
CONFIGS_VIEW = bytes.fromhex("ed12b7f1")


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


class UsageLimitPolicy(Policy):
    """Counts one per operation, or one per execution."""

    name = "UsageLimit"
    uses = frozenset((Use.USER_OP, Use.ACTION))

    def initialized(self, slot: Slot, init_data: bytes, previous: object) -> Counter:
        if len(init_data) < 16:
            raise Revert
        limit = decode(init_data).limit
        if limit == 0:
            raise Revert(slot.not_initialized())
        return Counter(limit)

    def check_user_op(self, slot: Slot, state: Counter, facts: OperationFacts) -> Answer:
        return _use(state)

    def check_action(self, slot: Slot, state: Counter, call: ActionCall) -> Answer:
        return _use(state)

    def parts(self, state: Counter) -> tuple[Part, ...]:
        return (state.part("uses"),)

    def charged(self, state: Counter, charge: Charge) -> Counter:
        return state.plus(charge.amount)

    def views(self, slot: Slot, init_data: bytes) -> tuple[View, ...]:
        return (View(self.address, CONFIGS_VIEW + slot.words()),)

    def state_from(self, slot: Slot, init_data: bytes, answers: Sequence[bytes | None]) -> Counter:
        return counter_from(answers[0])

    def init_data(self, state: Counter) -> bytes:
        return state.limit.to_bytes(16, "big")

    def widens(self, granted: Counter, found: Counter) -> bool:
        return found.limit > granted.limit


def _use(state: Counter) -> Answer:
    return take(state, 1, "usage_limit", GRANT_MORE)
