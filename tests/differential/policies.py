"""Random init data of every policy, most of it useful, some of it refused."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from eth_abi.abi import encode

from agent.domain.session import PolicyData, Selector
from agent.domain.units import UINT256_MAX, Address, Gas, Timestamp, Wei
from agent.smart_sessions.policies import (
    arg,
    contract_whitelist,
    erc20_spending_limit,
    simple_gas,
    sudo,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.arg_tree import Kind, Node
from agent.smart_sessions.policies.erc20_spending_limit import TRANSFER_FROM
from agent.smart_sessions.policies.policy import Use
from agent.smart_sessions.policies.uni_action import Condition, Rule
from tests.differential.stage import QUIET, REVERTER, SINK

PAYEE, SPENDER = Address(b"\x42" * 20), Address(b"\x43" * 20)
DECLARED_GAS = 4_600_000
"""About what a random operation declares."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a policy is to stand."""

    usdc: Address
    now: Timestamp
    selector: Selector = b""


Maker = Callable[[Random, Place], bytes]


def _spending(random: Random, place: Place) -> bytes:
    tokens = random.choices((place.usdc, QUIET, SINK), weights=(6, 3, 1), k=random.choice((1, 1, 2, 3)))
    limits = [random.choice((random.randint(1, 100), random.randint(1, 100), UINT256_MAX)) for _ in tokens]
    if random.random() < 0.02:
        limits[0] = 0
    if random.random() < 0.02:
        tokens[0] = Address(bytes(20))
    return encode(["address[]", "uint256[]"], [tokens, limits])


def _frame(random: Random, place: Place) -> bytes:
    after = random.choice((0, 0, 0, 0, 0, place.now - 60, place.now + random.randint(0, 900)))
    until = random.choice((0, place.now + random.randint(60, 20_000), place.now + 10**6, 2**48 - 1))
    return until.to_bytes(6, "big") + after.to_bytes(6, "big")


def _uses(random: Random, _: Place) -> bytes:
    return random.choice((1, 2, 3, 4, 6, 10, 20, 0 if random.random() < 0.1 else 5)).to_bytes(16, "big")


def _value(random: Random, _: Place) -> bytes:
    return random.choice((random.randint(1, 60), random.randint(1, 60), UINT256_MAX)).to_bytes(32, "big")


def _gas(random: Random, _: Place) -> bytes:
    gas = random.randint(1, 12) * DECLARED_GAS + random.randint(-3, 10**6)
    cost = random.choice((random.randint(1, 12) * DECLARED_GAS * 10**9, 2**127))
    config = simple_gas.SimpleGas(Gas(gas), Wei(cost + random.randint(0, 10**6)))
    return simple_gas.encode(config)


def _uni(random: Random, place: Place) -> bytes:
    rules = tuple(_rule(random, place) for _ in range(random.randint(1, 3)))
    return uni_action.encode(uni_action.UniAction(_value_cap(random), rules))


def _tree(random: Random, place: Place) -> bytes:
    rules = tuple(_rule(random, place) for _ in range(random.randint(1, 4)))
    nodes = [Node(Kind.RULE, rule=index) for index in range(len(rules))]
    while len(nodes) < len(rules) + 3:
        # Children come first: a tree that refers to itself only burns gas.
        left, right = random.randrange(len(nodes)), random.randrange(len(nodes))
        kind = random.choice((Kind.AND, Kind.AND, Kind.OR, Kind.OR, Kind.NOT))
        nodes.append(Node(kind, left=left, right=right))
    root = random.choice((len(nodes) - 1, len(nodes) - 1, random.randrange(len(nodes))))
    return arg.encode(arg.ArgRules(_value_cap(random), root, rules, tuple(nodes)))


def _rule(random: Random, place: Place) -> Rule:
    to, amount = (32, 64) if place.selector == TRANSFER_FROM else (0, 32)
    limit = random.choice((None, random.randint(1, 100)))
    used = random.choice((0, 0, 0, 0, random.randint(0, 30)))
    if random.random() < 0.3:
        condition = random.choice((Condition.EQUAL, Condition.EQUAL, Condition.NOT_EQUAL))
        return Rule(condition, to, bytes(12) + random.choice((PAYEE, SPENDER)))
    condition = random.choice([item for item in Condition if item is not Condition.EQUAL])
    reference = random.randint(1, 60)
    if condition is Condition.IN_RANGE:
        reference = random.randint(0, 20) << 128 | random.randint(10, 80)
    offset = amount if random.random() < 0.95 else random.choice((96, 2**64 - random.randint(1, 40)))
    return Rule(condition, offset, reference.to_bytes(32, "big"), limit, used)


def _value_cap(random: Random) -> Wei:
    return Wei(random.choice((0, 0, 5, 100, UINT256_MAX)))


def _whitelist(random: Random, place: Place) -> bytes:
    return b"".join(random.sample((place.usdc, QUIET, SINK, REVERTER), random.randint(1, 3)))


MAKERS: dict[Address, Maker] = {
    sudo.ADDRESS: lambda _random, _place: b"",
    erc20_spending_limit.ADDRESS: _spending,
    time_frame.ADDRESS: _frame,
    usage_limit.ADDRESS: _uses,
    value_limit.ADDRESS: _value,
    uni_action.ADDRESS: _uni,
    arg.ADDRESS: _tree,
    contract_whitelist.ADDRESS: _whitelist,
    simple_gas.ADDRESS: _gas,
}
_WEIGHTS: dict[Use, dict[Address, int]] = {
    Use.USER_OP: {
        usage_limit.ADDRESS: 5,
        simple_gas.ADDRESS: 4,
        time_frame.ADDRESS: 4,
        value_limit.ADDRESS: 2,
        sudo.ADDRESS: 1,
    },
    Use.ACTION: {
        erc20_spending_limit.ADDRESS: 6,
        uni_action.ADDRESS: 4,
        arg.ADDRESS: 4,
        usage_limit.ADDRESS: 3,
        value_limit.ADDRESS: 3,
        contract_whitelist.ADDRESS: 2,
        sudo.ADDRESS: 3,
        time_frame.ADDRESS: 2,
    },
    Use.ERC1271: {sudo.ADDRESS: 1, time_frame.ADDRESS: 1},
}


def random_policies(random: Random, place: Place, use: Use, most: int) -> tuple[PolicyData, ...]:
    """Return up to so many policies of one list; rarely one listed twice, misplaced, or cut short."""
    weights = _WEIGHTS[use]
    count = random.randint(0 if use is not Use.ACTION else int(random.random() > 0.03), most)
    chosen = [random.choices(list(weights), list(weights.values()))[0] for _ in range(count)]
    if random.random() > 0.05:
        chosen = list(dict.fromkeys(chosen))
    if random.random() < 0.01:
        chosen.append(random.choice(list(MAKERS)))
    return tuple(PolicyData(policy, _init_data(random, place, policy)) for policy in chosen)


def _init_data(random: Random, place: Place, policy: Address) -> bytes:
    data = MAKERS[policy](random, place)
    if random.random() < 0.01:
        return data[: random.randint(0, len(data))]
    return data
