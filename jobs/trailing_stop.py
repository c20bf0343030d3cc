"""A trailing stop: sold when the price falls so far below the highest one seen."""

from collections.abc import Mapping
from fractions import Fraction

from pydantic import Field

from agent.domain.evaluation import Act, ChainView, Evaluation, Read
from agent.domain.occurrence import Occurrence
from agent.domain.units import Address
from agent.domain.watching import Firings, Glance, Memory
from jobs.conditions.crossing import Crossing, Side
from jobs.conditions.verdict import Unknown
from jobs.fields import IntegerField
from jobs.swaps.decide import About, NotNow, Order, swap
from jobs.swaps.exits import Exit, ExitSpec, exit_objections, rate_text, urgent
from jobs.swaps.fields import ALL_BPS, Rate, RateField
from jobs.swaps.watching import HIGH, HIGH_OF, Look, begin, end, source_again, unknown

_CODES = ("trail_reached", "above_trail")


class TrailingStopSpec(ExitSpec):
    """What is sold, and how far the price may fall back."""

    trail_bps: IntegerField | None = Field(
        None, description="Sell so far below the highest price, in hundredths of a percent: 500."
    )
    trail: RateField | None = Field(
        None, description="In place of trail_bps: so far below it in the price itself: '100 USDC per WETH'."
    )
    start: RateField | None = Field(
        None, description="Follow the price only once it has been this: '2100 USDC per WETH'."
    )

    @property
    def rates(self) -> Mapping[str, Rate]:
        written = {"trail": self.trail, "start": self.start}
        return {name: rate for name, rate in written.items() if rate is not None}

    def level(self, high: int) -> Fraction:
        """Return at what the whole is sold when it was worth `high` at best; base units of what is bought."""
        if self.trail is not None:
            return high - self.rate(self.trail) * self.sell.base_units
        return Fraction(high * (ALL_BPS - (self.trail_bps or 0)), ALL_BPS)


class TrailingStop(Exit[TrailingStopSpec]):
    """The kind `trailing_stop`."""

    name = "trailing_stop"
    spec_model = TrailingStopSpec
    recalls = True

    def objections(self, spec: TrailingStopSpec, account: Address) -> Mapping[str, str]:
        found = exit_objections(spec, account)
        if (spec.trail is None) == (spec.trail_bps is None):
            found["trail"] = "write one of trail and trail_bps"
        elif spec.trail_bps is not None and not 1 <= spec.trail_bps < ALL_BPS:
            found["trail_bps"] = f"{spec.trail_bps}: from 1 to {ALL_BPS - 1} hundredths of a percent"
        elif spec.trail is not None and spec.trail.base != spec.sell.token:
            # An amount of the price turned round is no amount of the price.
            found["trail"] = f"write it per {spec.sell.token.symbol}, the token sold, or as trail_bps"
        return found

    def evaluate(self, spec: TrailingStopSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        order = _exit_now(spec, view)
        found = order if isinstance(order, NotNow) else swap(spec, view, occurrence.account, order)
        return found if isinstance(found, Act) else urgent(spec, view, found)

    def watch_reads(self, spec: TrailingStopSpec, account: Address) -> tuple[Read, ...]:
        return spec.price_reads()

    def watch(
        self, spec: TrailingStopSpec, account: Address, view: ChainView, memory: Memory, past: Firings
    ) -> Glance:
        look = begin(spec, view, memory, past, cool_down_s=spec.cool_down)
        if isinstance(look, Glance):
            return look
        rate = spec.independent_rate(view)
        if isinstance(rate, Unknown):
            return _unseen(spec, view, look, rate)
        worth = rate * spec.sell.base_units
        known = _high(spec, look.memory)
        if known is None and not _starts(spec, rate):
            crossed = _crossing(spec, Fraction(0)).look(worth, view.block_number, look.memory)
            why = f"the price gives {rate_text(spec, rate)}, it is followed from {spec.start}"
            return end(look, crossed, _CODES, why, {}, source_again(spec, view))
        high = max(int(worth), known or 0)
        risen = Look({**look.memory, HIGH: high, HIGH_OF: spec.sell.base_units}, look.next_block)
        level = spec.level(high)
        crossed = _crossing(spec, level).look(worth, view.block_number, risen.memory)
        best, sells_at = spec.bought_text(high), spec.bought_text(int(level))
        why = f"the price gives {rate_text(spec, rate)}, {best} at best: sold at {sells_at}"
        facts = {"worth": spec.bought_text(int(worth)), "best": best, "level": sells_at}
        return end(risen, crossed, _CODES, why, facts, source_again(spec, view))


def _exit_now(spec: TrailingStopSpec, view: ChainView) -> Order | NotNow:
    """Look again: the block that fired it may have left the chain, and the price of the next is another."""
    order = Order(spec.sell.base_units, spec.floor, spec.quote)
    high = _high(spec, view.memory)
    if high is None:
        # A block looked at by itself has no high: what is asked then is what a firing would do there.
        return order
    rate = spec.independent_rate(view)
    if isinstance(rate, Unknown):
        return NotNow(About.UNKNOWN, rate.code, rate.why)
    level = spec.level(high)
    if rate * spec.sell.base_units <= level:
        return order
    why = f"the price is back at {rate_text(spec, rate)}, the level is {spec.bought_text(int(level))}"
    return NotNow(About.OVER, "price_recovered", why)


def _unseen(spec: TrailingStopSpec, view: ChainView, look: Look, rate: Unknown) -> Glance:
    # A price that nobody knows is no high, and no fall.
    crossed = _crossing(spec, Fraction(0)).look(rate, view.block_number, look.memory)
    glance = end(look, crossed, _CODES, "", {}, source_again(spec, view))
    return unknown(glance, rate.code, rate.why, alarm=True)


def _high(spec: TrailingStopSpec, memory: Memory) -> int | None:
    """Return what the amount was worth at best, also where it was another amount before its file was edited.

    Rounded down, since what is lower sells later. Memory that names no amount is of the present one.
    """
    high, now = memory.get(HIGH), spec.sell.base_units
    before = memory.get(HIGH_OF, now)
    return high if high is None or before == now else high * now // before


def _crossing(spec: TrailingStopSpec, level: Fraction) -> Crossing:
    return Crossing(Side.BELOW, level, confirmations=spec.confirmations, name="trail")


def _starts(spec: TrailingStopSpec, rate: Fraction) -> bool:
    return spec.start is None or rate >= spec.rate(spec.start)


TRAILING_STOP = TrailingStop()
