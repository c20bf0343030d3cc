"""What an operation's own logs show of a swap: what left the account, and what came in."""

from collections.abc import Callable, Sequence

from agent.domain.evaluation import Delivered, Delivery, NotDelivered
from agent.domain.units import Address
from jobs import erc20
from jobs.kind import EventLog
from jobs.swaps.spec import SwapSpec


def delivery(
    spec: SwapSpec, account: Address, logs: Sequence[EventLog], sells: range, floor: Callable[[int], int]
) -> Delivery:
    """Say whether as much was sold as it should be, for at least the floor of that; base units."""
    market = spec.market
    sold = -_gained(logs, market.sold, account)
    received = _gained(logs, market.bought, account)
    if sold <= 0:
        return NotDelivered("nothing_sold", f"no {spec.sell.token.symbol} left the account in the logs")
    if sold not in sells:
        told = f"{spec.text(sold)} left the account, not {spec.text(sells[0])} to {spec.text(sells[-1])}"
        return NotDelivered("other_amount_sold", told)
    least = max(1, floor(sold))
    if received < least:
        told = f"{spec.bought_text(received)} came in for {spec.text(sold)}"
        return NotDelivered("too_little_received", f"{told}, {spec.bought_text(least)} are the least")
    return Delivered()


def whole(spec: SwapSpec, amount: int) -> range:
    """Return what the logs may show when all is sold: a token's own fee need not be in them."""
    return range(spec.market.arriving(amount), amount + 1)


def _gained(logs: Sequence[EventLog], token: Address, account: Address) -> int:
    return erc20.transferred_to(logs, token, account) - erc20.transferred_from(logs, token, account)
