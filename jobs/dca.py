"""Cost averaging: the same amount swapped at every slot of the calendar."""

from collections.abc import Mapping

from pydantic import Field

from agent.domain.evaluation import Act, ChainView, Evaluation, Read
from agent.domain.occurrence import Occurrence
from agent.domain.possible_call import PossibleOperation
from agent.domain.requirement import ActionRequirement
from agent.domain.units import Address
from jobs.fields import AmountField
from jobs.swaps.decide import Order, swap
from jobs.swaps.periodic import Periodic, PeriodicSpec, put_off
from jobs.swaps.session import Allowed, possible_operations, requirements


class DcaSpec(PeriodicSpec):
    """What is swapped at each slot."""

    total: AmountField | None = Field(None, description="The most that is sold in all: '1000 USDC'.")

    @property
    def in_all(self) -> int | None:
        return None if self.total is None else self.total.base_units


class Dca(Periodic[DcaSpec]):
    """The kind `dca`."""

    name = "dca"
    spec_model = DcaSpec

    def objections(self, spec: DcaSpec, account: Address) -> Mapping[str, str]:
        found = dict(super().objections(spec, account))
        if spec.total is not None and spec.total.token != spec.sell.token:
            found["total"] = f"the total is of {spec.sell.token.symbol}, the token sold"
        elif spec.total is not None and spec.total.base_units < spec.sell.base_units:
            found["total"] = f"{spec.total} is less than one slot sells"
        return found

    def reads(self, spec: DcaSpec, account: Address) -> tuple[Read, ...]:
        quote = spec.market.quote(spec.sell.base_units)
        own = (quote.read, *spec.funds_reads(account))
        return tuple(dict.fromkeys((*own, *spec.price_reads(), *spec.claim_reads())))

    def evaluate(self, spec: DcaSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        amount = spec.sell.base_units
        order = Order(amount, spec.floor(amount), spec.market.quote(amount))
        found = swap(spec, view, occurrence.account, order)
        return found if isinstance(found, Act) else put_off(spec, view, found)

    def requirements(self, spec: DcaSpec, account: Address, uses: int) -> tuple[ActionRequirement, ...]:
        return requirements(spec, account, uses, _allowed(spec, uses))

    def possible_operations(
        self, spec: DcaSpec, account: Address, uses: int
    ) -> tuple[PossibleOperation, ...]:
        return possible_operations(spec, account, uses, _allowed(spec, uses))


def _allowed(spec: DcaSpec, uses: int) -> Allowed:
    amount = spec.sell.base_units
    return Allowed(amount, amount * uses, spec.floor(amount), amount)


DCA = Dca()
