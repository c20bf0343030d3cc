"""ValueLimitPolicy adds up native currency: over a whole operation, or over the uses of one action."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.units import UINT256_MAX, Address, Wei
from agent.smart_sessions.execution_shape import called_values
from agent.smart_sessions.policies.counter import Counter, counter_from, take
from agent.smart_sessions.policies.policy import (
    GRANT_MORE,
    MALFORMED,
    ActionCall,
    Answer,
    Charge,
    OperationFacts,
    Part,
    Policy,
    Refused,
    Slot,
    Use,
    View,
)
from agent.smart_sessions.reverts import Revert

ADDRESS = Address.parse("0x000000000021dC45451291BCDfc9f0B46d6f0278")
CONFIGS_VIEW = bytes.fromhex("9cbbc527")


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


class ValueLimitPolicy(Policy):
    """Counts the value of every call of an operation, or of every execution of an action."""

    name = "ValueLimit"
    uses = frozenset((Use.USER_OP, Use.ACTION))

    def initialized(self, slot: Slot, init_data: bytes, previous: object) -> Counter:
        if len(init_data) < 32:
            raise Revert
        limit = decode(init_data).limit_wei
        if limit == 0:
            raise Revert(slot.not_initialized())
        return Counter(limit)

    def check_user_op(self, slot: Slot, state: Counter, facts: OperationFacts) -> Answer:
        try:
            values = called_values(facts.frame)
        except Revert as malformed:
            return Refused("malformed_call_data", MALFORMED, revert=malformed.data)
        total = sum(values)
        return _spend(state, total)

    def check_action(self, slot: Slot, state: Counter, call: ActionCall) -> Answer:
        return _spend(state, call.value)

    def parts(self, state: Counter) -> tuple[Part, ...]:
        return (state.part("wei"),)

    def charged(self, state: Counter, charge: Charge) -> Counter:
        return state.plus(charge.amount)

    def views(self, slot: Slot, init_data: bytes) -> tuple[View, ...]:
        return (View(self.address, CONFIGS_VIEW + slot.words()),)

    def state_from(self, slot: Slot, init_data: bytes, answers: Sequence[bytes | None]) -> Counter:
        return counter_from(answers[0])

    def init_data(self, state: Counter) -> bytes:
        return state.limit.to_bytes(32, "big")

    def widens(self, granted: Counter, found: Counter) -> bool:
        return found.limit > granted.limit


def _spend(state: Counter, value: int) -> Answer:
    return take(state, value, "value_limit", GRANT_MORE)
