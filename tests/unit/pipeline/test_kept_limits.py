"""Which gas limits are kept, for what, for how long, and what makes an operation be estimated anew."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast

import pytest

from agent.domain.call import Call
from agent.domain.errors import ChainReverted, FeeAboveCap
from agent.domain.job import FeeCaps
from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import DraftOperation, Fees, GasLimits, Plan
from agent.domain.states import State
from agent.domain.units import Address, ChainId, Gas, Timestamp, Wei
from agent.domain.user_operation import PaymasterFields, UserOperation
from agent.pipeline import kept_limits
from agent.pipeline.context import JobContext
from agent.pipeline.kept_limits import (
    KEPT_S,
    MOST_KEPT,
    MOST_USES,
    KeptLimits,
    Shape,
    grown,
    kept_on,
    shape_of,
)
from agent.pipeline.price import (
    BASE_GAS,
    Offered,
    call_data_gas,
    estimated,
    known_limits,
    with_gas_limits,
    with_margins,
)
from agent.ports import Block
from agent.smart_sessions.signature import use_signature
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, PAYEE, a_hash, a_user_operation

ESTIMATE = GasLimits(Gas(40_001), Gas(135_000), Gas(49_468))
LATER = GasLimits(Gas(60_000), Gas(140_000), Gas(50_000))
BLOCK = Block(100, a_hash(100), Timestamp(1_000), Wei(7))
FEES = Fees(Wei(9), Wei(1))
PAY = Call(PAYEE, Wei(0), b"\xa9\x05\x9c\xbb" + bytes(64))


def a_draft(*calls: Call, **changes: object) -> DraftOperation:
    signed = replace(a_user_operation(), signature=use_signature(a_hash(9), bytes(65)), paymaster=None)
    operation = replace(replace(signed, factory=None, factory_data=b""), **changes)  # type: ignore[arg-type]
    plan = Plan(calls or (PAY,), {}, BLOCK.number)
    return DraftOperation(1, 1, CHAIN_ID, ENTRY_POINT, a_hash(9), Nonce(1, 0), plan, operation)


def a_shape(draft: DraftOperation, *, kind: str = "subscription", bundler: str = "alto") -> Shape:
    found = shape_of(kind, draft, bundler)
    assert found is not None
    return found


def test_other_arguments_and_nonces_have_the_same_shape() -> None:
    other = Call(PAY.target, PAY.value_wei, PAY.data[:4] + b"\x07" * 64)

    assert a_shape(a_draft(other, nonce=5)) == a_shape(a_draft())


@pytest.mark.parametrize(
    "draft",
    [
        a_draft(PAY, PAY),
        a_draft(replace(PAY, target=ACCOUNT)),
        a_draft(replace(PAY, data=b"\x09\x5e\xa7\xb3" + bytes(64))),
        a_draft(replace(PAY, data=PAY.data + bytes(32))),
        a_draft(replace(PAY, value_wei=Wei(1))),
        a_draft(sender=PAYEE),
        a_draft(signature=use_signature(a_hash(9), bytes(130))),
        replace(a_draft(), permission_id=a_hash(8)),
        replace(a_draft(), entry_point=PAYEE),
    ],
)
def test_what_costs_other_gas_has_another_shape(draft: DraftOperation) -> None:
    assert a_shape(draft) != a_shape(a_draft())


def test_kinds_and_bundlers_are_told_apart() -> None:
    usual = a_shape(a_draft())

    assert a_shape(a_draft(), kind="top_up") != usual
    assert a_shape(a_draft(), bundler="rundler") != usual


@pytest.mark.parametrize(
    "draft",
    [
        a_draft(signature=b"\x01" + bytes(97)),
        a_draft(factory=PAYEE),
        a_draft(paymaster=PaymasterFields(PAYEE, Gas(1), Gas(1), b"")),
    ],
)
def test_first_uses_deployments_and_sponsored_operations_are_estimated_each_time(
    draft: DraftOperation,
) -> None:
    assert shape_of("subscription", draft, "alto") is None


@pytest.mark.parametrize(("chain_id", "keeps"), [(1, True), (31_337, True), (8_453, False), (999_999, False)])
def test_only_where_gas_is_all_that_is_paid_anything_is_kept(chain_id: int, keeps: bool) -> None:  # noqa: FBT001
    assert (kept_on(ChainId(chain_id)) is not None) is keeps


def test_what_was_kept_comes_back_with_a_margin_rounded_up() -> None:
    kept, shape = KeptLimits(), a_shape(a_draft())
    assert kept.find(shape) is None
    kept.keep(shape, ESTIMATE)

    assert kept.find(shape) == GasLimits(Gas(44_002), Gas(148_500), Gas(51_942))


def test_it_ages_by_the_clock_and_by_its_uses() -> None:
    now = [0.0]
    kept, shape = KeptLimits(lambda: now[0]), a_shape(a_draft())
    kept.keep(shape, ESTIMATE)
    assert all(kept.find(shape) for _ in range(MOST_USES))
    assert kept.find(shape) is None

    kept.keep(shape, ESTIMATE)
    now[0] = KEPT_S - 0.1
    assert kept.find(shape) is not None
    now[0] = float(KEPT_S)
    assert kept.find(shape) is None


def test_a_newer_estimate_takes_the_place() -> None:
    kept, shape = KeptLimits(), a_shape(a_draft())
    kept.keep(shape, ESTIMATE)
    kept.keep(shape, LATER)

    assert kept.find(shape) == grown(LATER)


def test_the_oldest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_KEPT > 10_000
    monkeypatch.setattr(kept_limits, "MOST_KEPT", 2)
    kept = KeptLimits()
    shapes = [a_shape(a_draft(), bundler=str(number)) for number in range(3)]
    for shape in shapes:
        kept.keep(shape, ESTIMATE)

    assert [kept.find(shape) is None for shape in shapes] == [True, False, False]


def an_occurrence(state: State, code: str, account: Address = ACCOUNT) -> Occurrence:
    return Occurrence(1, "rent", "1", 1, Timestamp(0), state, 1, 1, CHAIN_ID, account, code=code)


@pytest.mark.parametrize(
    ("state", "code", "stays"),
    [
        (State.SENT, "accepted", True),
        (State.SENT, "already_known", True),
        (State.INCLUDED_OK, "", True),
        (State.FINAL_OK, "", True),
        (State.SENT, "no_answer", False),
        (State.SENT, "aa26", False),
        (State.HELD, "aa24", False),
        (State.INCLUDED_FAIL, "", False),
        (State.EXPIRED, "", False),
    ],
)
def test_what_is_refused_or_fails_is_forgotten_with_all_of_its_account(
    state: State,
    code: str,
    stays: bool,  # noqa: FBT001
) -> None:
    kept = KeptLimits()
    mine = [a_shape(a_draft()), a_shape(a_draft(PAY, PAY))]
    other = a_shape(a_draft(sender=PAYEE))
    for shape in (*mine, other):
        kept.keep(shape, ESTIMATE)
    kept.heed(an_occurrence(state, code))

    assert [kept.find(shape) is not None for shape in (*mine, other)] == [stays, stays, True]


@dataclass
class Bundler:
    """A bundler that counts its estimates, each higher than the one before."""

    name: str = "alto"
    asked: list[UserOperation] = field(default_factory=list)

    async def estimate(self, operation: UserOperation, entry_point: Address) -> GasLimits:
        assert entry_point == ENTRY_POINT
        self.asked.append(operation)
        return ESTIMATE if len(self.asked) == 1 else LATER


@dataclass
class Node:
    """A node on which an account's calls take so much gas."""

    needs: int
    ran: list[int | None] = field(default_factory=list)

    async def call(
        self, target: Address, data: bytes, tag: object, sender: Address | None = None, gas: int | None = None
    ) -> bytes:
        assert (target, sender, tag) == (a_draft().operation.sender, ENTRY_POINT, BLOCK.number)
        self.ran.append(gas)
        if gas is not None and gas - BASE_GAS - call_data_gas(data) < self.needs:
            raise ChainReverted(b"")
        return b""


def a_job(node: Node, bundler: Bundler, kept: KeptLimits | None, caps: FeeCaps | None = None) -> JobContext:
    chain = SimpleNamespace(reader=node, bundlers=(bundler,), kept_limits=kept, entry_point=ENTRY_POINT)
    session = SimpleNamespace(owner=SimpleNamespace(verification_gas=Gas(0)))
    kind = SimpleNamespace(name="subscription")
    return cast(
        "JobContext", SimpleNamespace(chain=chain, session=session, kind=kind, caps=caps or FeeCaps())
    )


async def limits_of(job: JobContext) -> GasLimits:
    draft = a_draft()
    limits = await known_limits(job, draft, BLOCK) or await estimated(job, draft)
    priced = with_gas_limits(job, draft, Offered(FEES, FEES), limits)
    return GasLimits(priced.call_gas_limit, priced.verification_gas_limit, priced.pre_verification_gas)


async def test_a_second_operation_of_a_shape_takes_the_limits_of_the_first() -> None:
    job = a_job(node := Node(needs=50_603), bundler := Bundler(), KeptLimits())

    assert await limits_of(job) == with_margins(ESTIMATE)
    assert await limits_of(job) == with_margins(grown(ESTIMATE))
    assert len(bundler.asked) == 1
    assert node.ran == [50_603 + BASE_GAS + call_data_gas(a_draft().operation.call_data)]


async def test_calls_that_fail_with_kept_limits_are_estimated_anew() -> None:
    job = a_job(Node(needs=50_604), bundler := Bundler(), KeptLimits())
    await limits_of(job)

    assert await limits_of(job) == with_margins(LATER)
    assert len(bundler.asked) == 2


async def test_where_nothing_is_kept_each_is_estimated() -> None:
    job = a_job(node := Node(needs=0), bundler := Bundler(), None)

    assert [await limits_of(job), await limits_of(job)] == [with_margins(ESTIMATE), with_margins(LATER)]
    assert (len(bundler.asked), node.ran) == (2, [])


async def test_kept_limits_keep_to_the_jobs_caps() -> None:
    needed = with_margins(grown(ESTIMATE))
    total = needed.call_gas_limit + needed.verification_gas_limit + needed.pre_verification_gas
    roomy = a_job(Node(needs=0), Bundler(), KeptLimits(), FeeCaps(max_gas=Gas(total)))
    tight = a_job(Node(needs=0), Bundler(), KeptLimits(), FeeCaps(max_gas=Gas(total - 1)))
    assert [await limits_of(roomy), await limits_of(roomy)] == [with_margins(ESTIMATE), needed]
    await limits_of(tight)

    with pytest.raises(FeeAboveCap):
        await limits_of(tight)
