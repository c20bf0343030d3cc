"""Whether an order can be swapped now, and the operation that does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from agent.domain.call import Call
from agent.domain.evaluation import Act, ChainView, Evaluation, NextBlock, Skip, Wait
from agent.domain.units import Address, Timestamp
from jobs import erc20
from jobs.conditions.source import refuted
from jobs.conditions.verdict import Unknown
from jobs.swaps.floors import least_for, less
from jobs.swaps.market import Quote
from jobs.swaps.spec import SOLD_IN_ALL, SOLD_PER_DAY, SwapSpec
from jobs.uniswap.swap_call import Trade

DAY_S = 86_400
IMPLAUSIBLE = 2
"""Where the venue pays so many times what the independent source says, one of them is wrong."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sold now."""

    amount: int
    floor: int
    """The least that the owner takes for it, whatever the price; 0 where the file names none."""
    quote: Quote
    """Of the amount, or of more."""
    price_limit: int = 0
    least_amount: int | None = None
    """What is the least to sell where the price limit may end the swap early; None: all of `amount`."""

    @property
    def least_sold(self) -> int:
        """What is sold at least if anything is."""
        return self.amount if self.least_amount is None else self.least_amount


class About(Enum):
    """What stands in the way of a swap."""

    PRICE = "price"
    """The venue pays too little just now."""
    LIMIT = "limit"
    """It pays less than the owner's own limit: there is nothing to do until the next crossing."""
    UNKNOWN = "unknown"
    FUNDS = "funds"
    TODAY = "today"
    """The cap of the day."""
    OVER = "over"
    """Nothing is left to sell, or no time."""


@dataclass(frozen=True, slots=True)
class NotNow:
    """Why nothing is swapped at this block."""

    about: About
    code: str
    why: str


def swap(spec: SwapSpec, view: ChainView, account: Address, order: Order) -> Act | NotNow:
    """Return the operation that sells the order now, or what stands in its way.

    Its floor is the higher of the owner's own and what the independent price gives; a quote never sets it.
    """
    obstacle = _over(spec, view) or _short(spec, view, account, order.amount) or _capped(spec, view, order)
    if obstacle is not None:
        return obstacle
    minimum = _least_received(spec, view, order)
    if isinstance(minimum, NotNow):
        return minimum
    return _underpaid(spec, view, order, minimum) or _act(spec, view, account, order, minimum)


def later(spec: SwapSpec, view: ChainView, obstacle: NotNow) -> Evaluation:
    """Return when to look again after an obstacle that may pass; orders that are over are skipped."""
    code, why = obstacle.code, obstacle.why
    if obstacle.about is About.TODAY:
        return Wait(Timestamp((view.timestamp // DAY_S + 1) * DAY_S), code, why)
    if obstacle.about in (About.OVER, About.LIMIT):
        return Skip(code, why)
    if obstacle.about is About.PRICE:
        return NextBlock(code, why)
    return Wait(Timestamp(view.timestamp + spec.recheck), code, why)


def _over(spec: SwapSpec, view: ChainView) -> NotNow | None:
    if spec.end is not None and view.timestamp > spec.end:
        return NotNow(About.OVER, "order_expired", f"the order was good till second {spec.end}")
    return None


def _short(spec: SwapSpec, view: ChainView, account: Address, amount: int) -> NotNow | None:
    balance = view.uint(erc20.balance_of(spec.market.sold, account))
    if balance is None:
        why = f"the {spec.sell.token.symbol} balance cannot be read"
        return NotNow(About.UNKNOWN, "balance_unknown", why)
    if balance < amount:
        why = f"{spec.text(balance)} held, {spec.text(amount)} needed"
        return NotNow(About.FUNDS, "insufficient_balance", why)
    return None


def _capped(spec: SwapSpec, view: ChainView, order: Order) -> NotNow | None:
    for cap in spec.caps():
        left = view.left.get(cap.name, cap.limit)
        if left < order.amount:
            why = f"{spec.text(left)} left of {spec.text(cap.limit)}, {spec.text(order.amount)} to sell"
            if cap.name == SOLD_PER_DAY:
                return NotNow(About.TODAY, "day_cap_reached", f"{why} today")
            return NotNow(About.OVER, "total_reached", why)
    return None


def _least_received(spec: SwapSpec, view: ChainView, order: Order) -> int | NotNow:
    """Return `amountOutMinimum`: what arrives in the account, the tokens' own fees taken off."""
    floor = order.floor
    source = spec.source
    if source is None:
        return floor
    rate = refuted(source.claims(), view) or spec.independent_rate(view)
    if isinstance(rate, Unknown):
        return NotNow(About.UNKNOWN, rate.code, rate.why)
    out = order.quote.amount_out(view) or 0
    if out > IMPLAUSIBLE * rate * spec.market.arriving(order.amount):
        # A feed read the wrong way round would set a floor of next to nothing.
        why = f"the venue pays {spec.bought_text(out)}, over {IMPLAUSIBLE} times the independent price"
        return NotNow(About.UNKNOWN, "price_implausible", f"{why}: see price_of")
    net = less(less(rate, spec.max_slippage_bps), spec.venue.buy_token_fee_bps)
    return max(floor, least_for(spec.market.arriving(order.least_sold), net))


def _underpaid(spec: SwapSpec, view: ChainView, order: Order, minimum: int) -> NotNow | None:
    out = order.quote.amount_out(view)
    if out is None:
        return NotNow(
            About.UNKNOWN, "no_quote", "the venue quotes nothing: no pool, or none with enough in it"
        )
    received = spec.market.received(out)
    if minimum < 1:
        return NotNow(About.UNKNOWN, "no_floor", "nothing says what must come in at least")
    if received >= minimum:
        return None
    why = f"the venue pays {spec.bought_text(received)}, {spec.bought_text(minimum)} are the least"
    if received < order.floor:
        return NotNow(About.LIMIT, "below_limit", why)
    return NotNow(About.PRICE, "price_deviates", f"{why} by the independent price")


def _act(spec: SwapSpec, view: ChainView, account: Address, order: Order, minimum: int) -> Act:
    deadline = view.timestamp + spec.deadline
    if spec.end is not None:
        deadline = min(deadline, spec.end)
    trade = Trade(order.amount, minimum, account, deadline, order.price_limit)
    market = spec.market
    calls: list[Call] = []
    # Some tokens refuse to change an approval that is not zero; one that cannot be read may be any.
    if view.uint(erc20.allowance(market.sold, account, market.spender)) != 0:
        calls.append(erc20.approve(market.sold, market.spender, 0))
    calls += (*market.approvals(order.amount), market.swap(trade).call)
    if order.price_limit:
        # What the price limit leaves unsold must not stay approved.
        calls.append(erc20.approve(market.sold, market.spender, 0))
    intent, spends = _intent(spec, account, trade), spec.spends(order.amount)
    return Act(tuple(calls), intent, spends, useful_until=Timestamp(deadline))


def _intent(spec: SwapSpec, account: Address, trade: Trade) -> Mapping[str, str]:
    market = spec.market
    return {
        "token": str(market.sold),
        "to": str(spec.venue.address),
        "amount": str(trade.amount),
        "for": str(market.bought),
        "minimum": str(trade.minimum),
        "deadline": str(trade.deadline),
        "recipient": str(account),
        "text": f"sell {spec.text(trade.amount)} for at least {spec.bought_text(trade.minimum)}",
    }


__all__ = ["SOLD_IN_ALL", "About", "NotNow", "Order", "later", "swap"]
