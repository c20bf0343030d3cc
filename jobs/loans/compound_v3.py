"""Compound v3 (Comet): paying back the base token, and adding collateral.

`supply` of more than the debt lends the rest, so no amount here is above the debt as it is read; what its
interest adds until inclusion stays owed, some seconds' worth. 2^256-1 would pay exactly all, but no session
could then hold the amount against a cap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from agent.domain.call import Call
from agent.domain.evaluation import ChainView, Read
from agent.domain.possible_call import PossibleCall, WordRange
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.units import Address
from jobs import erc20
from jobs.erc20 import word
from jobs.loans.approval import approval_requirement, approvals, possible_approvals
from jobs.loans.market import NONE, Payment, Proof, sound_threshold
from jobs.loans.packing import (
    WORD,
    Unreadable,
    above_zero,
    call,
    event,
    number,
    number_of,
    read_of,
    selector,
    words,
)
from jobs.loans.position import NO_DEBT, Means, Position, payable

BORROW_BALANCE = selector("borrowBalanceOf(address)")
COLLATERAL_OF = selector("userCollateral(address,address)")
ASSET_INFO = selector("getAssetInfoByAddress(address)")
PRICE = selector("getPrice(address)")
BASE_SCALE = selector("baseScale()")
BASE_FEED = selector("baseTokenPriceFeed()")
SUPPLY_PAUSED = selector("isSupplyPaused()")
SUPPLY = selector("supply(address,uint256)")
SUPPLY_EVENT = event("Supply(address,address,uint256)")
SUPPLY_COLLATERAL_EVENT = event("SupplyCollateral(address,address,address,uint256)")
FACTOR_SCALE = 10**18


@dataclass(frozen=True, slots=True)
class Collateral:
    """A token that counts as collateral, and the feed the market prices it by."""

    asset: Address
    price_feed: Address


@dataclass(frozen=True, slots=True)
class _Terms:
    """The market's terms of one collateral."""

    scale: int
    factor: int
    """The liquidation threshold, in parts of FACTOR_SCALE."""
    price: int


@dataclass(frozen=True, slots=True)
class CompoundV3:
    """One Comet. Collateral that is not listed does not count, which makes a loan look worse than it is."""

    comet: Address
    base_token: Address
    base_price_feed: Address
    collaterals: tuple[Collateral, ...]

    @property
    def name(self) -> str:
        return "compound_v3"

    @property
    def means(self) -> frozenset[Means]:
        return frozenset({Means.WALLET, Means.COLLATERAL})

    def identity(self) -> Mapping[str, str]:
        return {"protocol": self.name, "market": str(self.comet)}

    def objection(self, payment: Payment) -> str:
        symbol, address = payment.token.symbol, payment.token.address
        if not self.collaterals:
            return "no collateral is listed: every loan would look lost"
        if payment.means is Means.COLLATERAL:
            listed = address in {item.asset for item in self.collaterals}
            return "" if listed else f"{symbol} is none of the listed collaterals"
        return "" if address == self.base_token else f"{symbol} is not the base token {self.base_token}"

    def health_reads(self, account: Address) -> tuple[Read, ...]:
        return (
            self._debt(account),
            self._base_scale(),
            self._base_feed(),
            self._price(self.base_price_feed),
            *(read for item in self.collaterals for read in self._collateral_reads(item, account)),
        )

    def health(self, view: ChainView, account: Address) -> Fraction:
        debt = self._owed(view, account)
        return Fraction(self._weighted(view, account)) / debt if debt else NO_DEBT

    def state_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        balance = erc20.balance_of(payment.asset, account)
        return (read_of(self.comet, SUPPLY_PAUSED, "pause"), self._debt(account), balance)

    def barred(self, view: ChainView, payment: Payment) -> str:
        return "supply_paused" if number(view, read_of(self.comet, SUPPLY_PAUSED, "pause")) else ""

    def payable(self, view: ChainView, payment: Payment, account: Address) -> int:
        held = number(view, erc20.balance_of(payment.asset, account))
        return payable(payment.means, held, number(view, self._debt(account)))

    def owed(self, view: ChainView, payment: Payment, account: Address) -> int:
        return number(view, self._debt(account))

    def position_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        return (
            *self.health_reads(account),
            *self.state_reads(payment, account),
            erc20.allowance(payment.asset, account, self.comet),
        )

    def position(self, view: ChainView, payment: Payment, account: Address) -> Position:
        adds = payment.means is Means.COLLATERAL
        unit_value, threshold = self._added(view, payment) if adds else (self._base_value(view), NONE)
        return Position(
            weighted=Fraction(self._weighted(view, account)),
            debt=self._owed(view, account),
            unit_value=unit_value,
            threshold=threshold,
            owed=0 if adds else number(view, self._debt(account)),
            counted=self.counted(view, payment, account),
            held=number(view, erc20.balance_of(payment.asset, account)),
            allowance=number(view, erc20.allowance(payment.asset, account, self.comet)),
        )

    def calls(self, position: Position, payment: Payment, account: Address, amount: int) -> tuple[Call, ...]:
        exact = amount if payment.means is Means.COLLATERAL else min(amount, position.owed)
        approved = approvals(payment.asset, self.comet, exact, position.allowance)
        return (*approved, self._supply(payment, exact))

    def requirements(self, payment: Payment, account: Address, uses: int) -> tuple[ActionRequirement, ...]:
        asset = ArgumentRule("asset", 0, Comparison.EQUAL, number_of(payment.asset))
        amount = ArgumentRule("amount", WORD, Comparison.AT_MOST, payment.most)
        return (
            approval_requirement(payment.asset, self.comet, payment.most, uses),
            ActionRequirement(self.comet, SUPPLY, uses, (asset, amount)),
        )

    def possible(self, payment: Payment, account: Address) -> tuple[PossibleCall, ...]:
        amount = WordRange("amount", WORD, 1, payment.most)
        approved = possible_approvals(payment.asset, self.comet, payment.most)
        return (*approved, PossibleCall(self._supply(payment, payment.most), (amount,)))

    def counted_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        if payment.means is Means.COLLATERAL:
            return (self._balance(payment.asset, account),)
        return (self._debt(account),)

    def counted(self, view: ChainView, payment: Payment, account: Address) -> int:
        (read,) = self.counted_reads(payment, account)
        return number(view, read)

    def proof(self, payment: Payment, account: Address) -> Proof:
        whose = word(account)
        if payment.means is Means.COLLATERAL:
            topics = (SUPPLY_COLLATERAL_EVENT, whose, whose, word(payment.asset))
            return Proof(self.comet, topics, amount_word=0)
        return Proof(self.comet, (SUPPLY_EVENT, whose, whose), amount_word=0)

    def _supply(self, payment: Payment, amount: int) -> Call:
        return call(self.comet, SUPPLY, payment.asset, amount)

    def _owed(self, view: ChainView, account: Address) -> Fraction:
        """Return the debt in the unit of the feeds."""
        units = number(view, self._debt(account))
        return units * self._base_value(view) if units else Fraction(0)

    def _base_value(self, view: ChainView) -> Fraction:
        _require_feed(number(view, self._base_feed()), self.base_price_feed, self.base_token)
        return Fraction(self._priced(view, self.base_price_feed), _scale(number(view, self._base_scale())))

    def _weighted(self, view: ChainView, account: Address) -> int:
        """Return the collateral times its liquidation factors, rounded down as the contract does."""
        total = 0
        for item in self.collaterals:
            balance = number(view, self._balance(item.asset, account))
            if balance:
                terms = self._terms(view, item)
                total += balance * terms.price // terms.scale * terms.factor // FACTOR_SCALE
        return total

    def _added(self, view: ChainView, payment: Payment) -> tuple[Fraction, Fraction]:
        item = next(item for item in self.collaterals if item.asset == payment.asset)
        terms = self._terms(view, item)
        threshold = sound_threshold(Fraction(terms.factor, FACTOR_SCALE), payment)
        return Fraction(terms.price, terms.scale), threshold

    def _terms(self, view: ChainView, item: Collateral) -> _Terms:
        _, _, feed, scale, _, factor, *_ = words(view, self._info(item), 8)
        _require_feed(feed, item.price_feed, item.asset)
        return _Terms(_scale(scale), factor, self._priced(view, item.price_feed))

    def _priced(self, view: ChainView, feed: Address) -> int:
        why = f"the feed {feed} answers zero"
        return above_zero(number(view, self._price(feed)), "price_zero", why)

    def _collateral_reads(self, item: Collateral, account: Address) -> tuple[Read, ...]:
        return (self._balance(item.asset, account), self._info(item), self._price(item.price_feed))

    def _debt(self, account: Address) -> Read:
        return read_of(self.comet, BORROW_BALANCE, "debt", account)

    def _balance(self, asset: Address, account: Address) -> Read:
        return read_of(self.comet, COLLATERAL_OF, "collateral", account, asset)

    def _info(self, item: Collateral) -> Read:
        return read_of(self.comet, ASSET_INFO, "asset", item.asset)

    def _price(self, feed: Address) -> Read:
        return read_of(self.comet, PRICE, "price", feed)

    def _base_feed(self) -> Read:
        return read_of(self.comet, BASE_FEED, "base feed")

    def _base_scale(self) -> Read:
        return read_of(self.comet, BASE_SCALE, "base scale")


def _scale(units: int) -> int:
    return above_zero(units, "scale_zero", "the market answers a scale of zero")


def _require_feed(found: int, named: Address, asset: Address) -> None:
    if found != number_of(named):
        why = f"the market prices {asset} by another feed than the file says: 0x{found:040x}"
        raise Unreadable("market_moved", why)
