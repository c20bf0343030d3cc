"""Decide single payments: the pipeline's checker against web3.py's decoding and its own exact walk."""

import sys
from collections.abc import Callable, Sequence
from random import Random

from agent.domain.budget import Blocked, Cleared
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, ChainId, Gas, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.checker import Checker
from agent.smart_sessions.grant import Counters, Grant
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.model import Model
from agent.smart_sessions.policies import (
    erc20_spending_limit,
    simple_gas,
    time_frame,
    uni_action,
    usage_limit,
)
from agent.smart_sessions.policies.erc20_spending_limit import SpendingLimits, TokenLimit
from agent.smart_sessions.policies.simple_gas import SimpleGas
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from agent.smart_sessions.policies.usage_limit import UsageLimit
from agent.smart_sessions.preflight import preflight
from benchmarks.peers.web3_checks import Limits, Web3Checks
from benchmarks.report import Row, cpu_us, interleaved, row_of_rates, settle_memory
from jobs import erc20

ACCOUNT, TOKEN, PAYEE = (Address(bytes([number]) * 20) for number in (0x0A, 0x70, 0x0B))
NOW, END = Timestamp(1_800_000_000), Timestamp(1_900_000_000)
LIMIT, MOST = 10**12, 5 * 10**6
OPERATIONS = 500
ROUNDS = 15
WARM_UPS = 3


def rows() -> list[Row]:
    """Compare every verdict, then the time; raise AssertionError when one differs."""
    grant = a_grant()
    plans = operations(OPERATIONS, Random(7579))
    counters = now(grant)
    checker, web3 = Checker(grant), Web3Checks(limits())
    verdicts = [checker.decide(counters, {}, op, NOW) for op in plans]
    assert verdicts == [preflight(grant, counters, {}, op, NOW) for op in plans]
    assert [isinstance(verdict, Cleared) for verdict in verdicts] == [web3.allows(op, NOW) for op in plans]
    assert not any(isinstance(verdict, Blocked) for verdict in verdicts)
    settle_memory()
    contestants: list[Callable[[], float]] = [
        lambda: cpu_us(lambda: each(lambda op: checker.decide(counters, {}, op, NOW), plans)),
        lambda: cpu_us(lambda: each(lambda op: web3.allows(op, NOW), plans)),
        lambda: cpu_us(lambda: each(lambda op: preflight(grant, counters, {}, op, NOW), plans)),
    ]
    interleaved(WARM_UPS, contestants)
    ours, by_web3, by_walk = (OPERATIONS * 1e6 / total for total in interleaved(ROUNDS, contestants))
    return [
        row_of_rates("preflight decisions", ours, by_web3, "per s"),
        row_of_rates("preflight decisions vs the exact walk", ours, by_walk, "per s"),
    ]


def each(decide: Callable[[UserOperation], object], plans: Sequence[UserOperation]) -> None:
    """Decide all."""
    for op in plans:
        decide(op)


def limits() -> Limits:
    """Return what the session allows."""
    return Limits(
        token=TOKEN,
        payee=PAYEE,
        most_at_a_time=MOST,
        most_in_all=LIMIT,
        uses=1_000_000,
        gas=10**12,
        gas_cost_wei=10**21,
        valid_until=END,
    )


def a_grant() -> Grant:
    """Return a session as `sessions new` derives it for a subscription: five policies guard the payment."""
    spending = SpendingLimits((TokenLimit(TOKEN, LIMIT),))
    rules = UniAction(
        Wei(0),
        (
            Rule(Condition.EQUAL, 0, bytes(12) + PAYEE),
            Rule(Condition.LESS_OR_EQUAL, 32, MOST.to_bytes(32, "big")),
        ),
    )
    session = Session(
        OWNABLE_VALIDATOR,
        b"owners",
        Hash32(bytes(32)),
        user_op_policies=(
            PolicyData(time_frame.ADDRESS, time_frame.encode(TimeFrame(Timestamp(0), END))),
            PolicyData(usage_limit.ADDRESS, usage_limit.encode(UsageLimit(1_000_000))),
            PolicyData(simple_gas.ADDRESS, simple_gas.encode(SimpleGas(Gas(10**12), Wei(10**21)))),
        ),
        actions=(
            ActionData(
                erc20.TRANSFER,
                TOKEN,
                (
                    PolicyData(erc20_spending_limit.ADDRESS, erc20_spending_limit.encode(spending)),
                    PolicyData(uni_action.ADDRESS, uni_action.encode(rules)),
                ),
            ),
        ),
    )
    return Grant(ChainId(31337), SMART_SESSION, ACCOUNT, permission_id(session), session)


def now(grant: Grant) -> Counters:
    """Return the counters of the session just enabled."""
    model = Model(grant.smart_session, grant.account)
    with model.manage() as sessions:
        sessions.enable_sessions([grant.session])
    return Counters(enabled=True, state=model.state)


def operations(count: int, random: Random) -> list[UserOperation]:
    """Return payments of random amounts at random fees."""
    return [_payment(random.randrange(1, MOST), random) for _ in range(count)]


def _payment(amount: int, random: Random) -> UserOperation:
    return UserOperation(
        ACCOUNT,
        random.getrandbits(192) << 64,
        encode_execute([erc20.transfer(TOKEN, PAYEE, amount)]),
        Gas(random.randrange(60_000, 90_000)),
        Gas(random.randrange(200_000, 400_000)),
        Gas(random.randrange(40_000, 60_000)),
        Wei(random.randrange(10**9, 10**11)),
        Wei(10**8),
    )


if __name__ == "__main__":
    for row in rows():
        sys.stdout.write(f"{row}\n")
