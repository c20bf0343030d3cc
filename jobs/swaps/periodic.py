"""What orders by the calendar have in common: one swap a slot, guarded by an independent price."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from pydantic import Field

from agent.domain.evaluation import ChainView, Delivery, Evaluation, Skip, Wait
from agent.domain.units import Address, Timestamp
from agent.domain.watching import JobCap, Spend
from jobs.kind import EventLog, Kind
from jobs.swaps.decide import About, NotNow, later
from jobs.swaps.delivery import delivery
from jobs.swaps.fields import Rate, RateField
from jobs.swaps.floors import least_for
from jobs.swaps.spec import SwapSpec, objections


class OnDeviation(StrEnum):
    """What is done where the venue pays too little."""

    SKIP = "skip"
    """Leave this slot out."""
    RETRY = "retry"
    """Look again until the slot's grace is over."""


class PeriodicSpec(SwapSpec):
    """The fields of orders by the calendar."""

    limit: RateField | None = Field(
        None, description="The worst rate at which anything is swapped: '2500 USDC per WETH'."
    )
    on_deviation: OnDeviation = Field(
        OnDeviation.RETRY,
        description="Where the venue pays too little: skip the slot, or retry within its grace.",
    )

    @property
    def rates(self) -> Mapping[str, Rate]:
        return {} if self.limit is None else {"limit": self.limit}

    def floor(self, amount: int) -> int:
        """Return the least that the owner takes for an amount; 0 where the file names no limit."""
        return 0 if self.limit is None else least_for(amount, self.rate(self.limit))


PeriodicT = TypeVar("PeriodicT", bound=PeriodicSpec)


class Periodic(Kind[PeriodicT]):
    """What orders by the calendar do alike."""

    def identity(self, spec: PeriodicT) -> Mapping[str, str]:
        return {"sell": str(spec.sell.token.address), "buy": str(spec.buy.address)}

    def objections(self, spec: PeriodicT, account: Address) -> Mapping[str, str]:
        return objections(spec, account, needs_price=True)

    def confirm(self, spec: PeriodicT, account: Address, logs: Sequence[EventLog]) -> Delivery:
        sells = range(spec.market.arriving(self.least(spec)), self.most(spec) + 1)
        return delivery(spec, account, logs, sells, spec.floor)

    def least(self, spec: PeriodicT) -> int:
        """Return what one swap sells at least."""
        return spec.sell.base_units

    def most(self, spec: PeriodicT) -> int:
        """Return what one swap sells at most."""
        return spec.sell.base_units

    def caps(self, spec: PeriodicT) -> tuple[JobCap, ...]:
        return spec.caps()

    def slot_spends(self, spec: PeriodicT) -> tuple[Spend, ...]:
        # What does not divide is sold with the last one, after which nothing is left to count.
        return spec.spends(self.least(spec))


def put_off(spec: PeriodicSpec, view: ChainView, obstacle: NotNow) -> Evaluation:
    """Return what becomes of a slot that cannot be swapped now."""
    if obstacle.about not in (About.PRICE, About.LIMIT):
        return later(spec, view, obstacle)
    if spec.on_deviation is OnDeviation.SKIP:
        return Skip(obstacle.code, obstacle.why)
    return Wait(Timestamp(view.timestamp + spec.recheck), obstacle.code, obstacle.why)
