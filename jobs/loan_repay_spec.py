"""What a loan's file says, and what may be wrong with it."""

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property

from pydantic import Field

from jobs.fields import DurationField, IntegerField
from jobs.kind import Spec
from jobs.loans.fields import FreshFields, LoanFields, RatioField, TokenAmountField
from jobs.loans.market import LoanMarket, Payment
from jobs.loans.position import Means, decimal_of

USUAL_PERCENT = 100
MOST_PERCENT = 10_000
LEAST_SHARE = 100
"""Where the file has no least amount: one part in so many of the most per action."""


class LoanRepaySpec(Spec):
    """Which loan is watched, when it is saved, and with what."""

    loan: LoanFields = Field(
        description="The market: aave_v3, morpho_blue or compound_v3, and its contracts."
    )
    trigger: RatioField = Field(description="Act when the health factor is at or below this: '1.10'.")
    target: RatioField = Field(description="The health factor to reach, above the trigger: '1.30'.")
    using: Means = Field(
        Means.WALLET, description="wallet, atokens (Aave) or collateral (adds some instead of paying back)."
    )
    max_per_action: TokenAmountField = Field(
        description="What one action pays at most, and in what: '5000 USDC'."
    )
    max_per_day: TokenAmountField = Field(description="What all actions of a UTC day pay at most.")
    min_per_action: TokenAmountField | None = Field(
        None, description="With less than this in hand nothing is paid; one percent of the most if left out."
    )
    cool_down: DurationField = Field(
        default="1m", validate_default=True, description="The least time from one action to the next."
    )
    max_priority_percent: IntegerField = Field(
        default="400",
        validate_default=True,
        description="The priority fee at a health factor of one, of the usual one; it rises up to this.",
    )
    feeds: tuple[FreshFields, ...] = Field(
        (), description="Feeds behind the market's oracle: if one is stale, the health is unknown."
    )

    @cached_property
    def market(self) -> LoanMarket:
        """The adapter of the market."""
        return self.loan.market()

    @cached_property
    def payment(self) -> Payment:
        """What is paid in."""
        return Payment(self.using, self.max_per_action.token, self.max_per_action.base_units)

    @cached_property
    def trigger_text(self) -> str:
        """The trigger, for people."""
        return decimal_of(self.trigger)

    @property
    def least(self) -> int:
        """With fewer base units in hand nothing is paid."""
        if self.min_per_action is not None:
            return self.min_per_action.base_units
        return max(1, self.max_per_action.base_units // LEAST_SHARE)


def objections_to(spec: LoanRepaySpec) -> Iterator[tuple[str, str]]:
    """Yield what is wrong: field name and reason."""
    if spec.trigger <= 1:
        yield "trigger", f"at {decimal_of(spec.trigger)} a loan may be liquidated already: above 1"
    if spec.target <= spec.trigger:
        levels = f"the target {decimal_of(spec.target)}, the trigger {decimal_of(spec.trigger)}"
        yield "target", f"{levels}: the target is above the trigger, or one action would follow another"
    if not USUAL_PERCENT <= spec.max_priority_percent <= MOST_PERCENT:
        yield "max_priority_percent", f"{spec.max_priority_percent}: {USUAL_PERCENT} to {MOST_PERCENT}"
    yield from _amounts(spec)
    yield from _fit(spec)


def _amounts(spec: LoanRepaySpec) -> Iterator[tuple[str, str]]:
    token = spec.max_per_action.token
    if spec.max_per_day.token != token:
        yield "max_per_day", f"is in {spec.max_per_day.token.symbol}, an action pays {token.symbol}"
    least = spec.min_per_action
    if least is not None and least.token != token:
        yield "min_per_action", f"is in {least.token.symbol}, an action pays {token.symbol}"
    elif least is not None and least.base_units > spec.max_per_action.base_units:
        yield "min_per_action", f"{least} are more than the {spec.max_per_action} of an action"


def _fit(spec: LoanRepaySpec) -> Iterator[tuple[str, str]]:
    market = spec.market
    if spec.using not in market.means:
        known = ", ".join(sorted(market.means))
        yield "using", f"{market.name} takes {known}, not {spec.using}"
    else:
        why = market.objection(spec.payment)
        if why:
            yield "max_per_action", why


def priority_percent(health: Fraction, spec: LoanRepaySpec) -> int:
    """Return the priority fee to offer: in quarters from the usual one at the trigger to the most at one."""
    fallen = (spec.trigger - health) / (spec.trigger - 1)
    quarters = min(4, max(0, int(fallen * 4)))
    return USUAL_PERCENT + (spec.max_priority_percent - USUAL_PERCENT) * quarters // 4
