"""What exits of a position have in common: sold whole, by an independent price, once."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TypeVar

from pydantic import Field

from agent.domain.evaluation import ChainView, Delivery, Evaluation, NextBlock, Read
from agent.domain.possible_call import PossibleOperation
from agent.domain.requirement import ActionRequirement
from agent.domain.units import Address, Timestamp
from agent.domain.watching import JobCap
from jobs.fields import AmountField, DurationField, InstantField, IntegerField
from jobs.kind import EventLog, Kind, Timing
from jobs.swaps.decide import About, NotNow, later
from jobs.swaps.delivery import delivery, whole
from jobs.swaps.market import Quote
from jobs.swaps.session import Allowed, possible_operations, requirements
from jobs.swaps.spec import SwapSpec, objections


class ExitSpec(SwapSpec):
    """What a position's exits have in common."""

    minimum: AmountField | None = Field(
        None,
        description="The least that may come in for the whole, however far the price falls: '1500 USDC'.",
    )
    good_till: InstantField | None = Field(None, description="The last moment of the order.")
    confirmations: IntegerField = Field(
        default="1",
        validate_default=True,
        description="For how many blocks in a row the price must be there.",
    )
    cool_down: DurationField = Field(
        default="1m",
        validate_default=True,
        description="How long the order rests after a firing that sold nothing.",
    )

    @property
    def end(self) -> Timestamp | None:
        return self.good_till

    @cached_property
    def quote(self) -> Quote:
        """What the venue would pay for the whole."""
        return self.market.quote(self.sell.base_units)

    @property
    def floor(self) -> int:
        """The least that the owner takes for the whole; 0 where the file names none."""
        return self.minimum.base_units if self.minimum else 0


def exit_objections(spec: ExitSpec, account: Address) -> dict[str, str]:
    """Return what is wrong with an exit's common fields."""
    found = objections(spec, account, needs_price=True)
    if spec.minimum is not None and spec.minimum.token != spec.buy:
        found["minimum"] = f"what comes in is {spec.buy.symbol}"
    if spec.confirmations < 1:
        found["confirmations"] = "at least one block shows the price"
    return found


ExitT = TypeVar("ExitT", bound=ExitSpec)


class Exit(Kind[ExitT]):
    """What exits do alike."""

    timing = Timing.TRIGGER

    def identity(self, spec: ExitT) -> Mapping[str, str]:
        return {"sell": str(spec.sell.token.address), "buy": str(spec.buy.address)}

    def reads(self, spec: ExitT, account: Address) -> tuple[Read, ...]:
        own = (spec.quote.read, *spec.funds_reads(account))
        return tuple(dict.fromkeys((*own, *spec.price_reads(), *spec.claim_reads())))

    def confirm(self, spec: ExitT, account: Address, logs: Sequence[EventLog]) -> Delivery:
        return delivery(spec, account, logs, whole(spec, spec.sell.base_units), lambda _: spec.floor)

    def requirements(self, spec: ExitT, account: Address, uses: int) -> tuple[ActionRequirement, ...]:
        return requirements(spec, account, uses, _allowed(spec, uses))

    def possible_operations(self, spec: ExitT, account: Address, uses: int) -> tuple[PossibleOperation, ...]:
        return possible_operations(spec, account, uses, _allowed(spec, uses))

    def caps(self, spec: ExitT) -> tuple[JobCap, ...]:
        return spec.caps()

    def expected_uses(self, spec: ExitT) -> int | None:
        return 1

    def ends_at(self, spec: ExitT) -> Timestamp | None:
        return spec.good_till


def urgent(spec: ExitSpec, view: ChainView, obstacle: NotNow) -> Evaluation:
    """Return when an exit looks again: at the next block where a price or a quote stands in its way."""
    if obstacle.about in (About.PRICE, About.UNKNOWN):
        return NextBlock(obstacle.code, obstacle.why)
    if obstacle.about is About.LIMIT and obstacle.code == "below_limit":
        # The owner's minimum is not paid just now; the price that fired it has not come back.
        return NextBlock("below_minimum", obstacle.why)
    return later(spec, view, obstacle)


def rate_text(spec: ExitSpec, rate: Fraction) -> str:
    """Write a price as what the whole order would bring."""
    return f"{spec.bought_text(int(rate * spec.sell.base_units))} for {spec.sell}"


def _allowed(spec: ExitSpec, uses: int) -> Allowed:
    most = spec.sell.base_units
    return Allowed(most, most * uses, spec.floor, most)
