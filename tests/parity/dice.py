"""Random sessions and their parts; every size that an encoding treats differently turns up."""

from random import Random

from agent.domain.session import ActionData, ERC7739Context, ERC7739Data, PolicyData, Session
from agent.domain.units import UINT128_MAX, UINT256_MAX, Address, Gas, Hash32, Timestamp, Wei
from agent.smart_sessions.addresses import (
    ADMIN_SELECTOR,
    FALLBACK_SELECTOR,
    NATIVE_TRANSFER_SELECTOR,
    OWNABLE_VALIDATOR,
    PSEUDO_TARGET,
)
from agent.smart_sessions.guards import Config
from agent.smart_sessions.policies.arg_tree import Kind
from agent.smart_sessions.policies.contract_whitelist import ContractWhitelist
from agent.smart_sessions.policies.erc20_spending_limit import SpendingLimits, TokenLimit
from agent.smart_sessions.policies.expression import And, Expression, Not, Or, compiled
from agent.smart_sessions.policies.policy import MAX_UINT48
from agent.smart_sessions.policies.simple_gas import SimpleGas
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import MAX_RULES, Condition, Rule, UniAction
from agent.smart_sessions.policies.usage_limit import UsageLimit
from agent.smart_sessions.policies.value_limit import ValueLimit
from agent.smart_sessions.policy_codec import SUDO, policy_data
from agent.smart_sessions.signature import owners_init_data

NAMES = ("Permit", "Mail", "", "Straße", "Order(address to,uint256 amount)", "x" * 40)


def a_number(random: Random, most: int, least: int = 0) -> int:
    """Return a number of any length, often at one of its ends."""
    if random.random() < 0.1:
        return random.choice((least, most))
    return max(least, random.getrandbits(random.randint(1, most.bit_length())) & most)


def an_address(random: Random) -> Address:
    return Address(random.randbytes(20))


def a_hash(random: Random) -> Hash32:
    return Hash32(random.randbytes(32))


def some_bytes(random: Random, most: int = 100) -> bytes:
    return random.randbytes(random.choice((0, 1, 20, 31, 32, 33, 64, 65, random.randint(0, most))))


def a_selector(random: Random) -> bytes:
    return random.choice((NATIVE_TRANSFER_SELECTOR, bytes(4), random.randbytes(4), random.randbytes(4)))


def some_owners(random: Random) -> tuple[int, list[Address]]:
    """Return a threshold and its owners, ascending."""
    owners = sorted(an_address(random) for _ in range(random.randint(1, 7)))
    return random.randint(1, len(owners)), owners


def a_rule(random: Random) -> Rule:
    limited = random.random() < 0.4
    return Rule(
        random.choice(list(Condition)),
        a_number(random, 2**64 - 1),
        random.choice((bytes(12) + an_address(random), a_hash(random))),
        a_number(random, UINT256_MAX, least=1) if limited else None,
        a_number(random, UINT256_MAX) if random.random() < 0.3 else 0,
    )


def an_unused_rule(random: Random) -> Rule:
    """Return a rule that starts at zero, as the SDK makes them."""
    rule = a_rule(random)
    return Rule(rule.condition, rule.offset, rule.reference, rule.limit)


def spending_limits(random: Random) -> SpendingLimits:
    count = random.randint(1, 5)
    return SpendingLimits(
        tuple(TokenLimit(an_address(random), a_number(random, UINT256_MAX, least=1)) for _ in range(count))
    )


def a_time_frame(random: Random) -> TimeFrame:
    until = a_number(random, MAX_UINT48, least=1)
    return TimeFrame(Timestamp(random.randint(0, until)), Timestamp(until))


def a_usage_limit(random: Random) -> UsageLimit:
    return UsageLimit(a_number(random, UINT128_MAX, least=1))


def a_value_limit(random: Random) -> ValueLimit:
    return ValueLimit(Wei(a_number(random, UINT256_MAX, least=1)))


def a_uni_action(random: Random, *, unused: bool = False) -> UniAction:
    make = an_unused_rule if unused else a_rule
    rules = tuple(make(random) for _ in range(random.choice((1, 2, 3, random.randint(1, MAX_RULES)))))
    return UniAction(Wei(a_number(random, UINT256_MAX)), rules)


def an_expression(random: Random, depth: int = 0) -> Expression:
    kind = Kind.RULE if depth > 3 else random.choice(list(Kind))
    if kind is Kind.RULE:
        return an_unused_rule(random)
    if kind is Kind.NOT:
        return Not(an_expression(random, depth + 1))
    join = And if kind is Kind.AND else Or
    return join(an_expression(random, depth + 1), an_expression(random, depth + 1))


def a_config(random: Random) -> Config:
    makers = (
        spending_limits,
        a_time_frame,
        a_usage_limit,
        a_value_limit,
        a_uni_action,
        lambda dice: compiled(an_expression(dice), Wei(a_number(dice, UINT256_MAX))),
        lambda dice: SimpleGas(Gas(a_number(dice, UINT128_MAX, 1)), Wei(a_number(dice, UINT128_MAX, 1))),
        lambda dice: ContractWhitelist(tuple(an_address(dice) for _ in range(dice.randint(1, 4)))),
    )
    return random.choice(makers)(random)


def a_policy(random: Random) -> PolicyData:
    """Return a policy of the agent's, or one of anybody's."""
    if random.random() < 0.3:
        return PolicyData(an_address(random), some_bytes(random))
    return random.choice((SUDO, policy_data(a_config(random)), policy_data(a_time_frame(random))))


def some_policies(random: Random, most: int = 3) -> tuple[PolicyData, ...]:
    return tuple(a_policy(random) for _ in range(random.randint(0, most)))


def an_action(random: Random) -> ActionData:
    if random.random() < 0.1:
        selector = random.choice((FALLBACK_SELECTOR, ADMIN_SELECTOR))
        return ActionData(selector, PSEUDO_TARGET, some_policies(random))
    return ActionData(a_selector(random), an_address(random), some_policies(random))


def some_contexts(random: Random) -> tuple[ERC7739Context, ...]:
    return tuple(
        ERC7739Context(a_hash(random), tuple(random.choices(NAMES, k=random.randint(0, 3))))
        for _ in range(random.choice((0, 0, 1, 2)))
    )


def a_session(random: Random) -> Session:
    """Return a session that encodes; whether it would do anything is not what encoding is about."""
    return Session(
        session_validator=random.choice((OWNABLE_VALIDATOR, an_address(random))),
        session_validator_init_data=random.choice(
            (owners_init_data(*some_owners(random)), some_bytes(random, 320))
        ),
        salt=random.choice((Hash32(bytes(32)), a_hash(random))),
        user_op_policies=some_policies(random),
        erc7739_policies=ERC7739Data(some_contexts(random), some_policies(random, 1)),
        actions=tuple(an_action(random) for _ in range(random.randint(0, 3))),
        permit_erc4337_paymaster=random.random() < 0.5,
    )
