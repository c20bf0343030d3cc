from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from agent.commands.plan_fires import (
    TYPICAL_GAS,
    Fire,
    JobOutlook,
    Outcome,
    Pricing,
    SessionOutlook,
    forecast,
)
from agent.commands.session_usage import LimitLine
from agent.domain.evaluation import ChainView
from agent.domain.job import JobDefinition, Place
from agent.domain.operation import Fees
from agent.domain.recurrence import Slot
from agent.domain.token import Token, TokenAmount
from agent.domain.units import Hash32, Timestamp, Wei
from agent.smart_sessions.grant import Counters
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies.erc20_spending_limit import TRANSFER
from agent.smart_sessions.preflight import limits
from jobs import KINDS
from jobs.subscription import SubscriptionSpec
from tests.builders import CHAIN_ID, a_hash
from tests.unit.smart_sessions.grants import ACCOUNT, NOW, PAYEE, TOKEN, USES, a_grant, an_action, seen

USDC = Token("USDC", TOKEN, 6)
KIND = KINDS["subscription"]


def a_session(name: str, *, salt: int, enabled: bool = True) -> SessionOutlook:
    """Return a session with three uses."""
    grant = a_grant(an_action(USES, selector=TRANSFER))
    session = replace(grant.session, salt=a_hash(salt))
    grant = replace(grant, session=session, permission_id=permission_id(session))
    if not enabled:
        return SessionOutlook(name, grant, Counters(enabled=False), ())
    now = seen(grant)
    lines = tuple(LimitLine(use, "UsageLimit", "transfer", 0) for use in limits(grant, now))
    return SessionOutlook(name, grant, now, lines)


def a_job(*sessions: str) -> JobOutlook:
    spec = SubscriptionSpec.model_construct(amount=TokenAmount(USDC, 10), payee=PAYEE)
    definition = JobDefinition(
        id="rent",
        kind="subscription",
        chain_id=CHAIN_ID,
        account=ACCOUNT,
        account_kind="nexus",
        session=sessions[0],
        schedule=None,
        spec=spec,
        identity_digest=Hash32(bytes(32)),
        digest=Hash32(bytes(32)),
        place=Place("jobs/rent.yaml"),
        other_sessions=sessions[1:],
    )
    balance, *others = KIND.reads(spec, ACCOUNT)
    view = ChainView(CHAIN_ID, 1, NOW, {balance: (10**9).to_bytes(32, "big"), **dict.fromkeys(others)})
    return JobOutlook(definition, KIND, view, Pricing(TYPICAL_GAS, Fees(Wei(1), Wei(1))))


def fires(job: JobOutlook, sessions: Mapping[str, Sequence[SessionOutlook]], count: int) -> list[Fire]:
    slots = [Slot(str(number), Timestamp(NOW + number), number) for number in range(count)]
    return list(forecast(((job, slot) for slot in slots), MappingProxyType(dict(sessions)), NOW))


def told(found: Sequence[Fire]) -> list[tuple[str, str]]:
    return [(str(fire.would), fire.session) for fire in found]


def test_the_first_session_pays_until_it_is_full_then_the_next() -> None:
    sessions = {name: [a_session(name, salt=salt)] for salt, name in enumerate(("main", "spare"), start=1)}

    found = fires(a_job("main", "spare"), sessions, 7)

    assert told(found) == [*[("send", "main")] * 3, *[("send", "spare")] * 3, ("refuse", "main")]
    assert [(item.session, item.code) for item in found[-1].violations] == [
        ("main", "usage_limit"),
        ("spare", "usage_limit"),
    ]


def test_a_successor_that_is_enabled_pays_alone() -> None:
    line = [a_session("main", salt=1), a_session("heir", salt=2)]

    found = fires(a_job("main"), {"main": line}, 4)

    assert told(found) == [*[("send", "heir")] * 3, ("refuse", "heir")]
    assert [item.session for item in found[-1].violations] == [""]


def test_a_successor_that_is_not_enabled_leaves_it_to_the_one_before() -> None:
    line = [a_session("main", salt=1), a_session("heir", salt=2, enabled=False)]

    assert told(fires(a_job("main"), {"main": line}, 1)) == [(Outcome.SEND, "main")]
