"""A limit order: sold once the venue pays the limit, for no less than the limit."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property

from pydantic import Field

from agent.domain.evaluation import Act, ChainView, Delivery, Evaluation, Read
from agent.domain.occurrence import Occurrence
from agent.domain.possible_call import PossibleOperation
from agent.domain.requirement import ActionRequirement
from agent.domain.units import Address, Timestamp
from agent.domain.watching import Firings, Glance, JobCap, Memory
from jobs import erc20
from jobs.conditions.crossing import Crossing, Side
from jobs.conditions.verdict import Unknown
from jobs.fields import AmountField, DurationField, InstantField, IntegerField
from jobs.kind import EventLog, Kind, Spec, Timing
from jobs.swaps.decide import About, NotNow, Order, later, swap
from jobs.swaps.delivery import delivery, whole
from jobs.swaps.fields import ALL_BPS, Rate, RateField, Router
from jobs.swaps.floors import MAX_SQRT_PRICE, MIN_SQRT_PRICE, least_for, price_limit
from jobs.swaps.market import Quote
from jobs.swaps.session import Allowed, possible_operations, requirements
from jobs.swaps.spec import SwapSpec, objections
from jobs.swaps.watching import begin, end, unknown

MAX_FILLS = 1000
ROUNDING_BPS = 1
"""By how much a fill in parts may be below the limit in its logs: pools round at every step."""


class PartialFillFields(Spec):
    """Whether the order may be filled in parts."""

    least: AmountField = Field(description="The least that is sold in one part: '0.1 WETH'.")
    fills: IntegerField = Field(
        default="10", validate_default=True, description="How many parts there may be at most."
    )


class LimitOrderSpec(SwapSpec):
    """What is sold, and for how much at least."""

    limit: RateField | None = Field(None, description="The least for each: '1950 USDC per WETH'.")
    minimum: AmountField | None = Field(
        None, description="In place of limit: the least for the whole amount: '1950 USDC'."
    )
    partial_fill: PartialFillFields | None = Field(
        None, description="Sell in parts what a single v3 pool takes before it pays less than the limit."
    )
    good_till: InstantField | None = Field(None, description="The last moment of the order.")
    confirmations: IntegerField = Field(
        default="1", validate_default=True, description="For how many blocks in a row the limit must be paid."
    )
    cool_down: DurationField = Field(
        default="1m",
        validate_default=True,
        description="How long the order rests after a firing that sold nothing.",
    )

    @property
    def rates(self) -> Mapping[str, Rate]:
        return {} if self.limit is None else {"limit": self.limit}

    @property
    def end(self) -> Timestamp | None:
        return self.good_till

    @cached_property
    def least_rate(self) -> Fraction:
        """The limit, as base units bought for one sold."""
        if self.limit is not None:
            return self.rate(self.limit)
        return Fraction(self.minimum.base_units if self.minimum else 0, self.sell.base_units)

    @property
    def least_amount(self) -> int:
        """The least that is sold at once."""
        return self.sell.base_units if self.partial_fill is None else self.partial_fill.least.base_units

    @cached_property
    def floor(self) -> int:
        """The least that must come in for the least that is sold at once."""
        return least_for(self.least_amount, self.least_rate)

    @cached_property
    def pool_limit(self) -> int:
        """`sqrtPriceLimitX96` for fills in parts; 0 where the whole is sold at once."""
        if self.partial_fill is None:
            return 0
        market = self.market
        (fee,) = self.venue.fees
        return price_limit(self.least_rate, fee, sells_token0=market.sold < market.bought)

    @cached_property
    def quote(self) -> Quote:
        """What the venue would pay, up to the limit where the order is filled in parts."""
        if self.partial_fill is None:
            return self.market.quote(self.sell.base_units)
        return self.market.limited_quote(self.sell.base_units, self.pool_limit)

    @property
    def fills(self) -> int:
        """How many swaps fill it at most."""
        return 1 if self.partial_fill is None else self.partial_fill.fills


class LimitOrder(Kind[LimitOrderSpec]):
    """The kind `limit_order`."""

    name = "limit_order"
    spec_model = LimitOrderSpec
    timing = Timing.TRIGGER

    def identity(self, spec: LimitOrderSpec) -> Mapping[str, str]:
        return {"sell": str(spec.sell.token.address), "buy": str(spec.buy.address)}

    def objections(self, spec: LimitOrderSpec, account: Address) -> Mapping[str, str]:
        found = objections(spec, account, needs_price=False)
        if (spec.limit is None) == (spec.minimum is None):
            found["limit"] = "write one of limit and minimum"
        elif spec.minimum is not None and spec.minimum.token != spec.buy:
            found["minimum"] = f"what comes in is {spec.buy.symbol}"
        if spec.confirmations < 1:
            found["confirmations"] = "at least one block pays the limit"
        if spec.partial_fill is not None and not found:
            found |= _partial_objections(spec, spec.partial_fill)
        return found

    def reads(self, spec: LimitOrderSpec, account: Address) -> tuple[Read, ...]:
        own = (spec.quote.read, *spec.funds_reads(account))
        return tuple(dict.fromkeys((*own, *spec.price_reads(), *spec.claim_reads())))

    def evaluate(self, spec: LimitOrderSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        order = _order(spec, view, occurrence.account)
        found = order if isinstance(order, NotNow) else swap(spec, view, occurrence.account, order)
        return found if isinstance(found, Act) else later(spec, view, found)

    def confirm(self, spec: LimitOrderSpec, account: Address, logs: Sequence[EventLog]) -> Delivery:
        amount = spec.sell.base_units
        if spec.partial_fill is None:
            return delivery(spec, account, logs, whole(spec, amount), lambda _: spec.floor)
        rate = spec.least_rate * (ALL_BPS - ROUNDING_BPS) / ALL_BPS
        return delivery(spec, account, logs, range(1, amount + 1), lambda sold: int(rate * sold))

    def requirements(
        self, spec: LimitOrderSpec, account: Address, uses: int
    ) -> tuple[ActionRequirement, ...]:
        return requirements(spec, account, uses, _allowed(spec, uses))

    def possible_operations(
        self, spec: LimitOrderSpec, account: Address, uses: int
    ) -> tuple[PossibleOperation, ...]:
        return possible_operations(spec, account, uses, _allowed(spec, uses))

    def watch_reads(self, spec: LimitOrderSpec, account: Address) -> tuple[Read, ...]:
        return (spec.quote.read,)

    def watch(
        self, spec: LimitOrderSpec, account: Address, view: ChainView, memory: Memory, past: Firings
    ) -> Glance:
        least = spec.least_amount
        look = begin(spec, view, memory, past, cool_down_s=spec.cool_down, uses=spec.fills, least=least)
        if isinstance(look, Glance):
            return look
        out = spec.quote.amount_out(view)
        received = (
            Unknown("no_quote", "the venue quotes nothing") if out is None else spec.market.received(out)
        )
        crossing = Crossing(Side.ABOVE, Fraction(spec.floor), confirmations=spec.confirmations)
        crossed = crossing.look(received, view.block_number, look.memory)
        if isinstance(received, Unknown):
            glance = end(look, crossed, ("limit_paid", "below_limit"), "", {})
            return unknown(glance, received.code, received.why, alarm=False)
        why = f"the venue pays {spec.bought_text(received)}, {spec.bought_text(spec.floor)} are the least"
        facts = {"quote": str(received), "limit": str(spec.floor)}
        return end(look, crossed, ("limit_paid", "below_limit"), why, facts)

    def caps(self, spec: LimitOrderSpec) -> tuple[JobCap, ...]:
        return spec.caps()

    def expected_uses(self, spec: LimitOrderSpec) -> int | None:
        return spec.fills

    def ends_at(self, spec: LimitOrderSpec) -> Timestamp | None:
        return spec.good_till


def _order(spec: LimitOrderSpec, view: ChainView, account: Address) -> Order | NotNow:
    if spec.partial_fill is None:
        return Order(spec.sell.base_units, spec.floor, spec.quote)
    left = spec.left(view)
    if left < spec.least_amount:
        return NotNow(About.OVER, "order_filled", f"{spec.text(left)} of {spec.sell} left to sell")
    out = spec.quote.amount_out(view) or 0
    # Every unit before the pool's limit brings the limit or more, so no more than this fits in before it.
    fitting = int(out / spec.least_rate)
    if fitting < spec.least_amount:
        why = (
            f"the venue takes {spec.text(fitting)} at the limit, {spec.text(spec.least_amount)} are the least"
        )
        return NotNow(About.LIMIT, "below_limit", why)
    held = view.uint(erc20.balance_of(spec.market.sold, account)) or 0
    room = min(view.left.get(cap.name, cap.limit) for cap in spec.caps())
    # Less than the least part is for `swap` to refuse.
    amount = min(left, fitting, max(min(held, room), spec.least_amount))
    return Order(amount, spec.floor, spec.quote, spec.pool_limit, spec.least_amount)


def _allowed(spec: LimitOrderSpec, uses: int) -> Allowed:
    most = spec.sell.base_units
    # Spare operations may each try the whole anew; the parts together are no more than the whole.
    total = most * max(1, uses - spec.fills + 1)
    return Allowed(most, min(total, most * uses), spec.floor, spec.least_amount, spec.pool_limit)


def _partial_objections(spec: LimitOrderSpec, parts: PartialFillFields) -> dict[str, str]:
    at = "partial_fill"
    if spec.venue.router not in (Router.V3, Router.V3_02) or len(spec.venue.fees) != 1:
        return {at: "only a single v3 pool by v3 or v3_02 stops at a price"}
    if spec.price is not None:
        # It could guard the least part alone: what more is sold goes down to the limit.
        return {"price": "in parts the limit alone is the floor: leave price out, or sell the whole at once"}
    if parts.least.token != spec.sell.token or parts.least.base_units > spec.sell.base_units:
        return {at: f"a part is of {spec.sell.token.symbol} and no more than {spec.sell}"}
    if not 1 <= parts.fills <= MAX_FILLS:
        return {at: f"{parts.fills} fills: from 1 to {MAX_FILLS}"}
    if not MIN_SQRT_PRICE < spec.pool_limit < MAX_SQRT_PRICE:
        return {at: "no pool can have such a price"}
    return {}


LIMIT_ORDER = LimitOrder()
