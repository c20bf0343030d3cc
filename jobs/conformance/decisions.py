"""Checks on `evaluate`, `confirm` and `outcome`: total, repeatable, and never a step without knowledge."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from agent.domain.evaluation import Act, ChainView, Delivery, Evaluation, NotDelivered, Wait
from agent.domain.units import Address, Hash32
from jobs.conformance.sample import Sample, require
from jobs.kind import Spec

STRANGER = Address(b"\x99" * 20)
CODE = re.compile(r"[a-z][a-z0-9_]{2,63}", re.ASCII)


@dataclass(frozen=True)
class StrangeLog:
    """A log of somebody else."""

    topics: tuple[Hash32, ...]
    address: Address = STRANGER
    data: bytes = b"\x01"


def decides_the_same_again(sample: Sample) -> None:
    """Check that a view gives the same decision again, whatever was asked meanwhile and in whatever order."""
    spec, kind = sample.read_spec(), sample.kind
    views = list(sample.tries(kind.reads(spec, sample.account)))
    first = [kind.evaluate(spec, view, sample.occurrence()) for view in views]
    turned = [_turned(view) for view in reversed(views)]
    second = [kind.evaluate(sample.read_spec(), view, sample.occurrence()) for view in turned]
    require(first == second[::-1], "one view, two decisions")


def answers_every_view(sample: Sample) -> None:
    """Check that there is a decision, and a well-formed one, whatever the chain says."""
    spec, kind = sample.read_spec(), sample.kind
    for view in sample.tries(kind.reads(spec, sample.account)):
        decision_is_sound(sample, spec, view)


def does_nothing_blind(sample: Sample) -> None:
    """Check that the job does not act where every read failed or answered too little."""
    spec, kind = sample.read_spec(), sample.kind
    reads = kind.reads(spec, sample.account)
    for nothing in (None, b"", bytes(31)) if reads else ():
        view = sample.view(reads, [nothing] * len(reads))
        decided = kind.evaluate(spec, view, sample.occurrence())
        require(not isinstance(decided, Act), f"it acts although every read said {nothing!r}")


def acts_as_declared(sample: Sample) -> None:
    """Check that the sample acts where it says so, by calls that are among the possible ones."""
    spec, kind = sample.read_spec(), sample.kind
    view = sample.view(kind.reads(spec, sample.account), sample.acts_on)
    decided = decision_is_sound(sample, spec, view)
    require(isinstance(decided, Act), f"on its own answers it says {decided}")


def ends_in_a_delivery(sample: Sample) -> None:
    """Check that there is a verdict, the same each time, whatever logs and chain say afterwards."""
    spec, kind, account = sample.read_spec(), sample.kind, sample.account
    for logs in ((), (StrangeLog((Hash32(b"\x98" * 32),)),), (StrangeLog(()),)):
        found = kind.confirm(spec, account, logs)
        _delivery_is_sound(found)
        require(found == kind.confirm(spec, account, logs), "the same logs, two verdicts")
    for view in sample.tries(kind.outcome_reads(spec, account)):
        _delivery_is_sound(kind.outcome(spec, account, view))


def decision_is_sound(sample: Sample, spec: Spec, view: ChainView) -> Evaluation:
    """Return the decision at a view; raise NonConforming for one that no pipeline could follow."""
    kind = sample.kind
    decided: Evaluation = kind.evaluate(spec, view, sample.occurrence())
    require(isinstance(decided, get_args(Evaluation)), f"{decided!r} is no decision")
    if isinstance(decided, Act):
        _act_is_sound(sample, spec, decided)
        return decided
    require(CODE.fullmatch(decided.code) and decided.why, f"{decided} says not why")
    if isinstance(decided, Wait):
        require(decided.until > view.timestamp, f"it waits until {decided.until}, now is {view.timestamp}")
    return decided


def _act_is_sound(sample: Sample, spec: Spec, act: Act) -> None:
    kind = sample.kind
    require(act.calls, "it acts by no call")
    require(_is_text(act.intent), f"its intent is not text: {act.intent}")
    require(1 <= act.priority_percent <= 10_000, f"a priority fee of {act.priority_percent} %")
    limits = {cap.name: cap.limit for cap in kind.caps(spec)}
    for spend in act.spends:
        within = 0 <= spend.amount <= limits.get(spend.cap, -1)
        require(within, f"it spends {spend.amount} of the cap {spend.cap}, of {limits}")
    shapes = kind.possible_operations(spec, sample.account, 1)
    found = any(shape.includes(act.calls) for shape in shapes)
    require(found, f"its calls are no possible operation: {act.calls}")


def _delivery_is_sound(found: Delivery) -> None:
    require(isinstance(found, get_args(Delivery)), f"{found!r} is no verdict on a delivery")
    if isinstance(found, NotDelivered):
        require(CODE.fullmatch(found.code) and found.why, f"{found} says not why")


def _turned(view: ChainView) -> ChainView:
    values = dict(reversed(list(view.values.items())))
    return ChainView(view.chain_id, view.block_number, view.timestamp, values, view.left)


def _is_text(intent: Mapping[str, str]) -> bool:
    return all(isinstance(item, str) for pair in intent.items() for item in pair)
