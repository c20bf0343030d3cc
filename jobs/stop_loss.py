"""A stop: sold when the price falls to a level, or by a take-profit: whichever comes first ends both."""

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property

from pydantic import Field

from agent.domain.evaluation import Act, ChainView, Evaluation, Read
from agent.domain.occurrence import Occurrence
from agent.domain.units import Address
from agent.domain.watching import Firings, Glance, Memory
from jobs.conditions.crossing import Crossing, Side
from jobs.conditions.verdict import Unknown
from jobs.swaps.decide import About, NotNow, Order, swap
from jobs.swaps.exits import Exit, ExitSpec, exit_objections, rate_text, urgent
from jobs.swaps.fields import Rate, RateField
from jobs.swaps.floors import least_for
from jobs.swaps.watching import Look, begin, end, source_again, unknown


class StopLossSpec(ExitSpec):
    """What is sold, and at which price of an independent source."""

    stop: RateField = Field(description="Sell when the price falls to this: '1800 USDC per WETH'.")
    take_profit: RateField | None = Field(
        None, description="Sell when the venue pays this, as a limit order does: '2500 USDC per WETH'."
    )

    @property
    def rates(self) -> Mapping[str, Rate]:
        found = {"stop": self.stop}
        return found if self.take_profit is None else {**found, "take_profit": self.take_profit}

    @cached_property
    def stop_rate(self) -> Fraction:
        """The stop, as base units bought for one sold."""
        return self.rate(self.stop)

    @cached_property
    def take_floor(self) -> int | None:
        """The least that must come in to take the profit; None where the file has none."""
        return None if self.take_profit is None else self._least(self.take_profit)

    def _least(self, rate: Rate) -> int:
        return least_for(self.sell.base_units, self.rate(rate))


class StopLoss(Exit[StopLossSpec]):
    """The kind `stop_loss`."""

    name = "stop_loss"
    spec_model = StopLossSpec

    def objections(self, spec: StopLossSpec, account: Address) -> Mapping[str, str]:
        found = exit_objections(spec, account)
        taken = spec.take_profit
        if taken is not None and not found:
            if spec.rate(taken) <= spec.rate(spec.stop):
                found["take_profit"] = f"{taken} is no better than the stop at {spec.stop}"
            if (spec.take_floor or 0) < spec.floor:
                found["minimum"] = "the minimum is above what the profit is taken at"
        return found

    def evaluate(self, spec: StopLossSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        order = _exit_now(spec, view)
        found = order if isinstance(order, NotNow) else swap(spec, view, occurrence.account, order)
        return found if isinstance(found, Act) else urgent(spec, view, found)

    def watch_reads(self, spec: StopLossSpec, account: Address) -> tuple[Read, ...]:
        if spec.take_profit is None:
            return spec.price_reads()
        return (*spec.price_reads(), spec.quote.read)

    def watch(
        self, spec: StopLossSpec, account: Address, view: ChainView, memory: Memory, past: Firings
    ) -> Glance:
        look = begin(spec, view, memory, past, cool_down_s=spec.cool_down)
        if isinstance(look, Glance):
            return look
        stop = _stop_glance(spec, view, look)
        if spec.take_profit is None or stop.fires:
            return stop
        take = _take_glance(spec, view, look)
        chosen = take if take.fires else stop
        again = look.again(stop.again, take.again)
        return Glance(
            fires=take.fires,
            again=again,
            memory={**stop.memory, **take.memory},
            code=chosen.code,
            why=chosen.why,
            alarm=stop.alarm,
            facts={**stop.facts, **take.facts},
        )


def _exit_now(spec: StopLossSpec, view: ChainView) -> Order | NotNow:
    amount = spec.sell.base_units
    quote = spec.quote
    rate = spec.independent_rate(view)
    if isinstance(rate, Unknown):
        return NotNow(About.UNKNOWN, rate.code, rate.why)
    if rate <= spec.stop_rate:
        return Order(amount, spec.floor, quote)
    out = quote.amount_out(view)
    if spec.take_floor is not None and out is not None and spec.market.received(out) >= spec.take_floor:
        return Order(amount, spec.take_floor, quote)
    why = f"the price is back at {rate_text(spec, rate)}, the stop is at {spec.stop}"
    return NotNow(About.OVER, "price_recovered", why)


def _stop_glance(spec: StopLossSpec, view: ChainView, look: Look) -> Glance:
    rate = spec.independent_rate(view)
    crossing = Crossing(Side.BELOW, spec.stop_rate, confirmations=spec.confirmations, name="stop")
    crossed = crossing.look(rate, view.block_number, look.memory)
    again = source_again(spec, view)
    if isinstance(rate, Unknown):
        glance = end(look, crossed, ("stop_reached", "above_stop"), "", {}, again)
        return unknown(glance, rate.code, rate.why, alarm=True)
    why = f"the price gives {rate_text(spec, rate)}, the stop is at {spec.stop}"
    facts = {"price": rate_text(spec, rate), "stop": str(spec.stop)}
    return end(look, crossed, ("stop_reached", "above_stop"), why, facts, again)


def _take_glance(spec: StopLossSpec, view: ChainView, look: Look) -> Glance:
    out = spec.quote.amount_out(view)
    floor = spec.take_floor or 0
    received = Unknown("no_quote", "the venue quotes nothing") if out is None else spec.market.received(out)
    crossing = Crossing(Side.ABOVE, Fraction(floor), confirmations=spec.confirmations, name="take")
    crossed = crossing.look(received, view.block_number, look.memory)
    if isinstance(received, Unknown):
        return unknown(end(look, crossed, ("", ""), "", {}), received.code, received.why, alarm=False)
    why = f"the venue pays {spec.bought_text(received)}, the profit is taken at {spec.bought_text(floor)}"
    facts = {"quote": str(received), "take_profit": str(floor)}
    return end(look, crossed, ("profit_reached", "below_profit"), why, facts)


STOP_LOSS = StopLoss()
