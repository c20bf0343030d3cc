"""One large order in equal slices over time: the last slice takes what does not divide."""

from collections.abc import Mapping

from pydantic import Field

from agent.domain.evaluation import Act, ChainView, Evaluation, Read
from agent.domain.occurrence import Occurrence
from agent.domain.possible_call import PossibleOperation
from agent.domain.requirement import ActionRequirement
from agent.domain.units import Address
from jobs.fields import IntegerField
from jobs.swaps.decide import About, NotNow, Order, swap
from jobs.swaps.periodic import Periodic, PeriodicSpec, put_off
from jobs.swaps.session import Allowed, possible_operations, requirements

MAX_SLICES = 10_000


class TwapSpec(PeriodicSpec):
    """What is sold in all, and in how many slices."""

    slices: IntegerField = Field(description="In how many parts it is sold: as many as the schedule counts.")

    @property
    def slice(self) -> int:
        """What every slice but the last sells, in base units."""
        return self.sell.base_units // self.slices

    @property
    def last_slice(self) -> int:
        """What the last slice sells: a slice and what does not divide."""
        return self.slice + self.sell.base_units % self.slices

    def due(self, left: int) -> int:
        """Return what the next slice sells when so much is left; 0 when nothing is."""
        if left < self.slice:
            return 0
        return left if left <= self.last_slice else self.slice


class Twap(Periodic[TwapSpec]):
    """The kind `twap`."""

    name = "twap"
    spec_model = TwapSpec

    def objections(self, spec: TwapSpec, account: Address) -> Mapping[str, str]:
        found = dict(super().objections(spec, account))
        # A rest as large as a slice would be one.
        if not 2 <= spec.slices <= MAX_SLICES or spec.sell.base_units < spec.slices**2:
            found["slices"] = f"{spec.sell} cannot be sold in {spec.slices} slices: from 2 to {MAX_SLICES}"
        return found

    def reads(self, spec: TwapSpec, account: Address) -> tuple[Read, ...]:
        quotes = (spec.market.quote(amount).read for amount in (spec.slice, spec.last_slice))
        own = (*quotes, *spec.funds_reads(account))
        return tuple(dict.fromkeys((*own, *spec.price_reads(), *spec.claim_reads())))

    def evaluate(self, spec: TwapSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        amount = spec.due(spec.left(view))
        if amount == 0:
            why = f"{spec.text(spec.left(view))} of {spec.sell} left"
            return put_off(spec, view, NotNow(About.OVER, "order_filled", why))
        order = Order(amount, spec.floor(amount), spec.market.quote(amount))
        found = swap(spec, view, occurrence.account, order)
        return found if isinstance(found, Act) else put_off(spec, view, found)

    def least(self, spec: TwapSpec) -> int:
        return spec.slice

    def most(self, spec: TwapSpec) -> int:
        return spec.last_slice

    def requirements(self, spec: TwapSpec, account: Address, uses: int) -> tuple[ActionRequirement, ...]:
        return requirements(spec, account, uses, _allowed(spec, uses))

    def possible_operations(
        self, spec: TwapSpec, account: Address, uses: int
    ) -> tuple[PossibleOperation, ...]:
        return possible_operations(spec, account, uses, _allowed(spec, uses))


def _allowed(spec: TwapSpec, uses: int) -> Allowed:
    spare = max(0, uses - spec.slices)
    total = min(spec.sell.base_units, spec.last_slice * uses) + spare * spec.last_slice
    return Allowed(spec.last_slice, total, spec.floor(spec.slice), spec.slice)


TWAP = Twap()
