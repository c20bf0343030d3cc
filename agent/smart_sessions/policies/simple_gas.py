"""SimpleGasPolicy adds up the gas an operation declares, and what that gas costs."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.units import UINT128_MAX, UINT256_MAX, Address, Gas, Wei
from agent.erc4337.packing import PAYMASTER_DATA_OFFSET, PackedUserOperation
from agent.smart_sessions.policies.counter import Counter
from agent.smart_sessions.policies.policy import (
    GRANT_MORE,
    Allowed,
    Answer,
    Charge,
    OperationFacts,
    Part,
    Policy,
    Refused,
    Slot,
    Use,
    View,
    first_of,
    words_of,
)
from agent.smart_sessions.reverts import ARITHMETIC_PANIC, Revert

ADDRESS = Address.parse("0x0000000000d14A6F771494592218d8F9c2ddEbB6")
CONFIG_VIEW = bytes.fromhex("703c59c0")
GAS = "gas"
COST = "cost"


@dataclass(frozen=True, slots=True)
class SimpleGas:
    """At most so much declared gas and so much wei for it, ever."""

    gas_limit: Gas
    cost_limit_wei: Wei


@dataclass(frozen=True, slots=True)
class GasCounters:
    """Declared gas and its declared cost in wei."""

    gas: Counter
    cost: Counter


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


class SimpleGasPolicy(Policy):
    """Counts what the operation declares, not what it burns."""

    name = "SimpleGas"
    uses = frozenset((Use.USER_OP,))

    def initialized(self, slot: Slot, init_data: bytes, previous: object) -> GasCounters:
        if len(init_data) < 32:
            raise Revert(slot.not_initialized())
        config = decode(init_data)
        if config.gas_limit == 0 or config.cost_limit_wei == 0:
            raise Revert(slot.not_initialized())
        return GasCounters(Counter(config.gas_limit), Counter(config.cost_limit_wei))

    def check_user_op(self, slot: Slot, state: GasCounters, facts: OperationFacts) -> Answer:
        gas = declared_gas(facts.op)
        cost = gas * price_wei(facts.op, facts.base_fee)
        if max(gas, cost, state.gas.used + gas, state.cost.used + cost) > UINT256_MAX:
            return _refused(GAS, gas, state.gas, ARITHMETIC_PANIC)
        refusals = [
            _refused(part, amount, counter)
            for part, amount, counter in ((GAS, gas, state.gas), (COST, cost, state.cost))
            if counter.used + amount > counter.limit
        ]
        if refusals:
            return first_of(refusals)
        charges = (Charge(GAS, gas), Charge(COST, cost))
        return Allowed(GasCounters(state.gas.plus(gas), state.cost.plus(cost)), charges)

    def parts(self, state: GasCounters) -> tuple[Part, ...]:
        return (state.gas.part("gas", GAS), state.cost.part("wei", COST))

    def charged(self, state: GasCounters, charge: Charge) -> GasCounters:
        if charge.part == GAS:
            return GasCounters(state.gas.plus(charge.amount), state.cost)
        return GasCounters(state.gas, state.cost.plus(charge.amount))

    def views(self, slot: Slot, init_data: bytes) -> tuple[View, ...]:
        return (View(self.address, CONFIG_VIEW + slot.words()),)

    def state_from(self, slot: Slot, init_data: bytes, answers: Sequence[bytes | None]) -> GasCounters:
        gas_limit, gas_used, cost_limit, cost_used = words_of(answers[0], 4)
        return GasCounters(Counter(gas_limit, gas_used), Counter(cost_limit, cost_used))

    def init_data(self, state: GasCounters) -> bytes:
        return state.gas.limit.to_bytes(16, "big") + state.cost.limit.to_bytes(16, "big")

    def widens(self, granted: GasCounters, found: GasCounters) -> bool:
        return found.gas.limit > granted.gas.limit or found.cost.limit > granted.cost.limit


def declared_gas(op: PackedUserOperation) -> int:
    """Sum the gas limits; the paymaster's count only when the field is long enough to hold them."""
    total = op.pre_verification_gas
    total += int.from_bytes(op.account_gas_limits[:16], "big")
    total += int.from_bytes(op.account_gas_limits[16:], "big")
    if len(op.paymaster_and_data) >= PAYMASTER_DATA_OFFSET:
        total += int.from_bytes(op.paymaster_and_data[20:36], "big")
        total += int.from_bytes(op.paymaster_and_data[36:52], "big")
    return total


def price_wei(op: PackedUserOperation, base_fee: int) -> int:
    """Return the price per gas the contract counts: it depends on the block unless both fees are equal."""
    priority = int.from_bytes(op.gas_fees[:16], "big")
    maximum = int.from_bytes(op.gas_fees[16:], "big")
    return maximum if priority == maximum else min(maximum, priority + base_fee)


def _refused(part: str, asked: int, counter: Counter, revert: bytes | None = None) -> Refused:
    left = max(0, counter.limit - counter.used)
    remedy = f"wait for lower fees, or {GRANT_MORE}" if part == COST else GRANT_MORE
    return Refused(f"{part}_limit", remedy, part, asked, left, revert)
