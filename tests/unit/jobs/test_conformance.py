"""Every kind conforms; and the kit has teeth: each check finds the fault it is for."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.call import Call
from agent.domain.evaluation import Act, ChainView, Evaluation, Read, Wait
from agent.domain.occurrence import Occurrence
from agent.domain.possible_call import PossibleOperation
from agent.domain.requirement import ActionRequirement
from agent.domain.units import Address, Timestamp, Wei
from agent.domain.watching import NEVER, Again, Firings, Glance, JobCap, Memory, Spend
from jobs import KINDS
from jobs.conformance import CHECKS, NonConforming, Sample
from jobs.conformance.decisions import decision_is_sound
from jobs.conformance.watching import glance_is_sound
from jobs.kind import AnyKind
from jobs.subscription import Subscription, SubscriptionSpec
from jobs.top_up import TopUp
from jobs.top_up_spec import TopUpSpec
from tests.unit.jobs.loans.test_conformance import SAMPLES as LOANS
from tests.unit.jobs.samples import SAMPLES

samples = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())
ANSWERS = st.none() | st.binary(max_size=100) | st.integers(0, 2**256 - 1)


@samples
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_kind_conforms(sample: Sample, check: Callable[[Sample], None]) -> None:
    check(sample)


def test_every_kind_has_a_sample() -> None:
    assert {sample.kind.name for sample in (*SAMPLES.values(), *LOANS.values())} == set(KINDS)


@samples
@given(data=st.data())
def test_any_answers_are_decided(sample: Sample, data: st.DataObject) -> None:
    spec, account = sample.read_spec(), sample.account
    for ask, decided in ((sample.kind.reads, decision_is_sound), (sample.kind.watch_reads, None)):
        reads = ask(spec, account)
        seeds = st.sampled_from([answer for answer in sample.acts_on if isinstance(answer, int)] or [0])
        answers = data.draw(st.tuples(*(ANSWERS | seeds for _ in reads)))
        view = sample.view(reads, answers)
        if decided is not None:
            decided(sample, spec, view)
        else:
            glance_is_sound(sample, spec, view, {})


class _Payer(Subscription):
    """Pays, and does one thing wrong in each of its children."""


class Shouting(_Payer):
    name = "Shouting"


class ReadsTheClock(_Payer):
    def evaluate(self, spec: SubscriptionSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        return Wait(Timestamp(view.timestamp + 1 + int(time.time() > 0)), "not_yet", "later")


class Counting(_Payer):
    def __init__(self) -> None:
        self.asked = 0

    def evaluate(self, spec: SubscriptionSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        self.asked += 1
        return Wait(Timestamp(view.timestamp + self.asked), "not_yet", "later")


class Raising(_Payer):
    def evaluate(self, spec: SubscriptionSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        if any(value is None for value in view.values.values()):
            raise ValueError("no answer")
        return super().evaluate(spec, view, occurrence)


class Blind(_Payer):
    def evaluate(self, spec: SubscriptionSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        full = dict.fromkeys(self.reads(spec, occurrence.account)[:1], b"\xff" * 32)
        return super().evaluate(spec, replace(view, values=full), occurrence)


class Elsewhere(_Payer):
    def evaluate(self, spec: SubscriptionSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        decided = super().evaluate(spec, view, occurrence)
        stolen = Call(Address(b"\x66" * 20), Wei(1), b"")
        return replace(decided, calls=(stolen,)) if isinstance(decided, Act) else decided


class Spendthrift(_Payer):
    def evaluate(self, spec: SubscriptionSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        decided = super().evaluate(spec, view, occurrence)
        return replace(decided, spends=(Spend("unheard_of", 1),)) if isinstance(decided, Act) else decided


class Impatient(_Payer):
    def evaluate(self, spec: SubscriptionSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        return Wait(view.timestamp, "not_yet", "now")


class ClaimsTheSession(_Payer):
    def identity(self, spec: SubscriptionSpec) -> Mapping[str, str]:
        return {"session": "mine"}


class AsksForLess(_Payer):
    def requirements(
        self, spec: SubscriptionSpec, account: Address, uses: int
    ) -> tuple[ActionRequirement, ...]:
        return super().requirements(spec, account, 1)


class AsksForMore(_Payer):
    def requirements(
        self, spec: SubscriptionSpec, account: Address, uses: int
    ) -> tuple[ActionRequirement, ...]:
        needed = super().requirements(spec, account, uses)
        return (*needed, replace(needed[0], target=Address(b"\x66" * 20)))


class CannotSayWhat(_Payer):
    def possible_operations(
        self, spec: SubscriptionSpec, account: Address, uses: int
    ) -> tuple[PossibleOperation, ...]:
        return ()


class EmptyCap(_Payer):
    def caps(self, spec: SubscriptionSpec) -> tuple[JobCap, ...]:
        return (JobCap("paid", 0, per_day=True),)


class Watching(_Payer):
    def watch_reads(self, spec: SubscriptionSpec, account: Address) -> tuple[Read, ...]:
        return self.reads(spec, account)


class Twice(_Payer):
    def reads(self, spec: SubscriptionSpec, account: Address) -> tuple[Read, ...]:
        return super().reads(spec, account) * 2


class _Filler(TopUp):
    """Tops up, and watches wrongly in each of its children."""


class Trigger(_Filler):
    def watch(
        self, spec: TopUpSpec, account: Address, view: ChainView, memory: Memory, past: Firings
    ) -> Glance:
        return Glance(fires=True, again=NEVER, memory=memory, code="always", why="always")


class Looped(_Filler):
    def watch(
        self, spec: TopUpSpec, account: Address, view: ChainView, memory: Memory, past: Firings
    ) -> Glance:
        seen = super().watch(spec, account, view, memory, past)
        return seen._replace(again=Again(at_block=view.block_number))


class Scribbling(_Filler):
    def watch(
        self, spec: TopUpSpec, account: Address, view: ChainView, memory: Memory, past: Firings
    ) -> Glance:
        seen = super().watch(spec, account, view, memory, past)
        return seen._replace(memory={**memory, "why": cast("int", "text")})


PAID, FILLED = SAMPLES["subscription in tokens"], SAMPLES["top-up of tokens"]


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (Shouting(), "declares_itself"),
        (EmptyCap(), "declares_itself"),
        (ClaimsTheSession(), "identity_is_its_own"),
        (Twice(), "reads_are_calls"),
        (ReadsTheClock(), "touches_nothing_outside"),
        (Counting(), "decides_the_same_again"),
        (Impatient(), "answers_every_view"),
        (Blind(), "does_nothing_blind"),
        (Elsewhere(), "acts_as_declared"),
        (Spendthrift(), "acts_as_declared"),
        (CannotSayWhat(), "acts_as_declared"),
        (AsksForLess(), "session_is_enough"),
        (AsksForMore(), "session_is_enough"),
        (CannotSayWhat(), "session_is_enough"),
        (Watching(), "scheduled_kinds_watch_nothing"),
        (Trigger(), "fires_never_blind"),
        (Looped(), "looks_again_later"),
        (Scribbling(), "fires_as_declared"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_fault_is_found(kind: AnyKind, check: str) -> None:
    sample = replace(FILLED if isinstance(kind, TopUp) else PAID, kind=kind)
    (found,) = (item for item in CHECKS if item.__name__ == check)
    with pytest.raises(NonConforming):
        found(sample)


def test_kind_that_raises_is_not_total() -> None:
    answers_every_view = next(check for check in CHECKS if check.__name__ == "answers_every_view")
    with pytest.raises(ValueError, match="no answer"):
        answers_every_view(replace(PAID, kind=Raising()))


def test_a_sample_that_fires_too_early_is_found() -> None:
    fires_as_declared = next(check for check in CHECKS if check.__name__ == "fires_as_declared")
    with pytest.raises(NonConforming, match="it fires at"):
        fires_as_declared(replace(FILLED, fires_on=((0,), (0,))))
