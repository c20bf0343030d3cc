"""Random sessions over one token and the chain's coin, some careful and some careless."""

from collections.abc import Callable, Sequence
from random import Random

from agent.devnet.addresses import MULTICALL3
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, Gas, Hash32, Timestamp, Wei
from agent.smart_sessions.addresses import (
    FALLBACK_SELECTOR,
    NATIVE_TRANSFER_SELECTOR,
    OWNABLE_VALIDATOR,
    PSEUDO_TARGET,
)
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
from agent.smart_sessions.policies.erc20_spending_limit import (
    APPROVE,
    INCREASE_ALLOWANCE,
    TRANSFER,
    TRANSFER_FROM,
)
from agent.smart_sessions.policies.uni_action import Condition, Rule
from agent.smart_sessions.signature import owners_init_data
from tests.attack.venues import Venue, venue_actions

SPENDER = MULTICALL3
"""Anybody can make it spend what it is allowed: the payee that is a thief's best friend."""
PAYEE = Address(b"\x42" * 20)
PAYMASTER = Address(b"\x43" * 20)
"""Pays for gas, and takes all that the account allows it."""
LIFE_S = 36_000
EARLY_S = 6_000
"""Some sessions begin that much later."""


def a_random_session(
    random: Random, usdc: Address, key: Address, now: Timestamp, venues: Sequence[Venue] = ()
) -> Session:
    """Return a session of one to seven actions under random policies, some of which lend or swap."""
    selectors = random.sample((TRANSFER, APPROVE, INCREASE_ALLOWANCE, TRANSFER_FROM), random.randint(1, 3))
    actions = [ActionData(selector, usdc, _guards(random, usdc, selector)) for selector in selectors]
    if random.random() < 0.4:
        actions.append(ActionData(NATIVE_TRANSFER_SELECTOR, PAYEE, _coin_guards(random)))
    if random.random() < 0.05:
        actions.append(ActionData(FALLBACK_SELECTOR, PSEUDO_TARGET, _fallback_guards(random, usdc)))
    if venues and random.random() < 0.4:
        if random.random() < 0.5:
            # Nothing else to try: all of the thief's operations go there.
            actions, selectors = [], []
        actions += venue_actions(random, random.choice(venues), PAYEE, selectors, usdc)
    return Session(
        session_validator=OWNABLE_VALIDATOR,
        session_validator_init_data=owners_init_data(1, [key]),
        salt=Hash32(random.randbytes(32)),
        user_op_policies=_every(random, now),
        actions=tuple(actions),
        permit_erc4337_paymaster=random.random() < 0.25,
    )


def _every(random: Random, now: Timestamp) -> tuple[PolicyData, ...]:
    start = random.choice((0, 0, 0, now + EARLY_S))
    frame = time_frame.TimeFrame(Timestamp(start), Timestamp(now + LIFE_S))
    choices: list[PolicyData] = [
        _uses(random),
        PolicyData(time_frame.ADDRESS, time_frame.encode(frame)),
        _gas(random),
        _value(random),
    ]
    # Most have their gas limited, or there would be no number to beat.
    return tuple(
        item for item, odds in zip(choices, (0.5, 0.7, 0.9, 0.2), strict=True) if random.random() < odds
    )


def _guards(random: Random, usdc: Address, selector: bytes) -> tuple[PolicyData, ...]:
    makers: list[Callable[[], PolicyData]] = [
        lambda: _spending(random, usdc),
        lambda: PolicyData(uni_action.ADDRESS, uni_action.encode(_uni(random, selector))),
        lambda: PolicyData(arg.ADDRESS, arg.encode(_tree(random, selector))),
        lambda: _uses(random),
        lambda: _value(random),
        lambda: PolicyData(sudo.ADDRESS, b""),
        lambda: _listed(usdc),
    ]
    weights = (12, 5, 3, 3, 1, 1, 1)
    chosen = set(random.choices(range(len(makers)), weights, k=random.randint(1, 3)))
    return tuple(makers[index]() for index in sorted(chosen))


def _fallback_guards(random: Random, usdc: Address) -> tuple[PolicyData, ...]:
    return tuple(random.sample((_listed(usdc), _spending(random, usdc), _uses(random)), random.randint(1, 2)))


def _listed(*targets: Address) -> PolicyData:
    config = contract_whitelist.ContractWhitelist(targets)
    return PolicyData(contract_whitelist.ADDRESS, contract_whitelist.encode(config))


def _coin_guards(random: Random) -> tuple[PolicyData, ...]:
    return tuple(random.sample((_value(random), _uses(random)), random.randint(1, 2)))


def _spending(random: Random, usdc: Address) -> PolicyData:
    limit = erc20_spending_limit.TokenLimit(usdc, random.randint(1, 60))
    config = erc20_spending_limit.SpendingLimits((limit,))
    return PolicyData(erc20_spending_limit.ADDRESS, erc20_spending_limit.encode(config))


def _uses(random: Random) -> PolicyData:
    return PolicyData(usage_limit.ADDRESS, usage_limit.encode(usage_limit.UsageLimit(random.randint(1, 4))))


def _value(random: Random) -> PolicyData:
    limit = value_limit.ValueLimit(Wei(random.randint(1, 60)))
    return PolicyData(value_limit.ADDRESS, value_limit.encode(limit))


def _gas(random: Random) -> PolicyData:
    config = simple_gas.SimpleGas(Gas(random.randint(1, 10) * 10**7), Wei(random.randint(1, 9) * 10**16))
    return PolicyData(simple_gas.ADDRESS, simple_gas.encode(config))


def _uni(random: Random, selector: bytes) -> uni_action.UniAction:
    found = tuple(_rule(random, selector) for _ in range(random.randint(1, 3)))
    return uni_action.UniAction(Wei(random.choice((0, 0, 3))), found)


def _tree(random: Random, selector: bytes) -> arg.ArgRules:
    rules = tuple(_rule(random, selector) for _ in range(3))
    joint, inner = random.choice((Kind.AND, Kind.AND, Kind.OR)), random.choice((Kind.AND, Kind.OR))
    leaves = [Node(Kind.RULE, rule=index) for index in range(3)]
    negated = Node(Kind.NOT, left=2) if random.random() < 0.2 else leaves[2]
    nodes = (*leaves, negated, Node(inner, left=1, right=3), Node(joint, left=0, right=4))
    return arg.ArgRules(Wei(random.choice((0, 0, 3))), 5, rules, nodes)


def _rule(random: Random, selector: bytes) -> Rule:
    to, amount = (32, 64) if selector == TRANSFER_FROM else (0, 32)
    limit = random.choice((None, random.randint(1, 60)))
    if random.random() < 0.5:
        condition = random.choice((Condition.EQUAL, Condition.EQUAL, Condition.NOT_EQUAL))
        payee = random.choice((SPENDER, SPENDER, PAYEE, PAYMASTER))
        return Rule(condition, to, bytes(12) + payee)
    condition = random.choice(
        (Condition.LESS_OR_EQUAL, Condition.LESS_THAN, Condition.EQUAL, Condition.IN_RANGE)
    )
    return Rule(condition, amount, random.randint(1, 40).to_bytes(32, "big"), limit)
