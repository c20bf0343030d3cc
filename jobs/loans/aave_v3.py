"""Aave v3: paying back from the wallet or with aTokens, and adding collateral.

An explicit amount above the debt is clamped to the debt, so nothing here ever names 2^256-1: a session can
hold every amount against a cap, and paying back all is the debt and a margin.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from agent.domain.call import Call
from agent.domain.evaluation import ChainView, Read
from agent.domain.possible_call import PossibleCall, WordRange
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.units import UINT256_MAX, Address
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
    word_at,
    words,
)
from jobs.loans.position import NO_DEBT, Means, Position, payable

ACCOUNT_DATA = selector("getUserAccountData(address)")
CONFIGURATION = selector("getConfiguration(address)")
USER_EMODE = selector("getUserEMode(address)")
EMODE_CATEGORY = selector("getEModeCategoryData(uint8)")
USER_RESERVE = selector("getUserReserveData(address,address)")
RESERVE_EMODE = selector("getReserveEModeCategory(address)")
ASSET_PRICE = selector("getAssetPrice(address)")
POOL_OF = selector("getPool()")
ORACLE_OF = selector("getPriceOracle()")
DATA_PROVIDER_OF = selector("getPoolDataProvider()")
REPAY = selector("repay(address,uint256,uint256,address)")
REPAY_WITH_ATOKENS = selector("repayWithATokens(address,uint256,uint256)")
SUPPLY = selector("supply(address,uint256,address,uint16)")
REPAY_EVENT = event("Repay(address,address,address,uint256,bool)")
SUPPLY_EVENT = event("Supply(address,address,address,uint256,uint16)")
VARIABLE_RATE = 2
"""The only interest rate mode that newer pools keep."""
NO_REFERRAL = 0
MOST_CATEGORIES = 32
"""eMode categories are read up to this id: which one is the account's own is known only afterwards."""
_BPS = 10_000
_THRESHOLD_SHIFT, _DECIMALS_SHIFT = 16, 48
_ACTIVE_BIT, _FROZEN_BIT, _PAUSED_BIT = 56, 57, 60


@dataclass(frozen=True, slots=True)
class _Reserve:
    """What an account has in one reserve, base units."""

    lent: int
    owed: int
    """At the variable rate."""
    is_collateral: bool


@dataclass(frozen=True, slots=True)
class _Emode:
    """The terms of the account's eMode category."""

    threshold: int
    """Basis points."""
    is_member: bool | None
    """Whether the reserve belongs to it; None on newer markets, which do not say so by reserve."""


@dataclass(frozen=True, slots=True)
class AaveV3:
    """One Aave v3 market. The addresses provider says whether the other addresses are still its own."""

    pool: Address
    addresses_provider: Address
    oracle: Address
    data_provider: Address

    @property
    def name(self) -> str:
        return "aave_v3"

    @property
    def means(self) -> frozenset[Means]:
        return frozenset(Means)

    def identity(self) -> Mapping[str, str]:
        return {"protocol": self.name, "market": str(self.pool)}

    def objection(self, payment: Payment) -> str:
        return ""

    def health_reads(self, account: Address) -> tuple[Read, ...]:
        return (self._account_data(account),)

    def health(self, view: ChainView, account: Address) -> Fraction:
        # With a price of zero or a broken feed the pool reverts: no answer is no news of any kind.
        factor = word_at(view, self._account_data(account), 5)
        return NO_DEBT if factor == UINT256_MAX else Fraction(factor, 10**18)

    def state_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        of_market = (*self._own_addresses(), self._configuration(payment))
        reads = (*of_market, self._user_reserve(payment, account))
        return reads if payment.means is Means.ATOKENS else (*reads, _balance(payment, account))

    def barred(self, view: ChainView, payment: Payment) -> str:
        self._require_own_addresses(view)
        flags = number(view, self._configuration(payment))
        if not flags >> _ACTIVE_BIT & 1:
            return "reserve_inactive"
        if flags >> _PAUSED_BIT & 1:
            return "reserve_paused"
        # A frozen reserve takes repayments all the same.
        is_frozen = flags >> _FROZEN_BIT & 1 and payment.means is Means.COLLATERAL
        return "reserve_frozen" if is_frozen else ""

    def payable(self, view: ChainView, payment: Payment, account: Address) -> int:
        reserve = self._reserve(view, payment, account)
        if payment.means is Means.COLLATERAL and not reserve.is_collateral:
            # Lending it would not count: the account never chose it as collateral, or may not.
            return 0
        return payable(payment.means, _held(view, payment, account, reserve), reserve.owed)

    def owed(self, view: ChainView, payment: Payment, account: Address) -> int:
        return self._reserve(view, payment, account).owed

    def position_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        return (
            self._account_data(account),
            *self.state_reads(payment, account),
            self._price(payment),
            self._emode(account),
            self._reserve_emode(payment),
            *map(self._category, range(1, MOST_CATEGORIES + 1)),
            erc20.allowance(payment.asset, account, self.pool),
        )

    def position(self, view: ChainView, payment: Payment, account: Address) -> Position:
        collateral, debt, _, threshold_bps, *_ = words(view, self._account_data(account), 6)
        reserve = self._reserve(view, payment, account)
        symbol = payment.token.symbol
        price = above_zero(number(view, self._price(payment)), "price_zero", f"the price of {symbol} is zero")
        emode = self._emode_of(view, payment, account)
        decimals = number(view, self._configuration(payment)) >> _DECIMALS_SHIFT & 0xFF
        return Position(
            # In eMode the account's threshold is the category's already.
            weighted=Fraction(collateral * threshold_bps, _BPS),
            debt=Fraction(debt),
            unit_value=Fraction(price, 10**decimals),
            threshold=self._threshold(view, payment, emode) if reserve.is_collateral else NONE,
            owed=0 if payment.means is Means.COLLATERAL else reserve.owed,
            counted=self.counted(view, payment, account),
            held=_held(view, payment, account, reserve),
            allowance=number(view, erc20.allowance(payment.asset, account, self.pool)),
        )

    def calls(self, position: Position, payment: Payment, account: Address, amount: int) -> tuple[Call, ...]:
        if payment.means is Means.ATOKENS:
            return (self._call(payment, account, amount),)
        approved = approvals(payment.asset, self.pool, amount, position.allowance)
        return (*approved, self._call(payment, account, amount))

    def requirements(self, payment: Payment, account: Address, uses: int) -> tuple[ActionRequirement, ...]:
        asset = ArgumentRule("asset", 0, Comparison.EQUAL, number_of(payment.asset))
        amount = ArgumentRule("amount", WORD, Comparison.AT_MOST, payment.most)
        rate = ArgumentRule("interestRateMode", 2 * WORD, Comparison.EQUAL, VARIABLE_RATE)
        if payment.means is Means.ATOKENS:
            return (ActionRequirement(self.pool, REPAY_WITH_ATOKENS, uses, (asset, amount, rate)),)
        approval = approval_requirement(payment.asset, self.pool, payment.most, uses)
        if payment.means is Means.COLLATERAL:
            referral = ArgumentRule("referralCode", 3 * WORD, Comparison.EQUAL, NO_REFERRAL)
            whose = ArgumentRule("onBehalfOf", 2 * WORD, Comparison.EQUAL, number_of(account))
            return (approval, ActionRequirement(self.pool, SUPPLY, uses, (asset, amount, whose, referral)))
        whose = ArgumentRule("onBehalfOf", 3 * WORD, Comparison.EQUAL, number_of(account))
        return (approval, ActionRequirement(self.pool, REPAY, uses, (asset, amount, rate, whose)))

    def possible(self, payment: Payment, account: Address) -> tuple[PossibleCall, ...]:
        amount = WordRange("amount", WORD, 1, payment.most)
        paid = PossibleCall(self._call(payment, account, payment.most), (amount,))
        if payment.means is Means.ATOKENS:
            return (paid,)
        return (*possible_approvals(payment.asset, self.pool, payment.most), paid)

    def counted_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        return (self._user_reserve(payment, account),)

    def counted(self, view: ChainView, payment: Payment, account: Address) -> int:
        reserve = self._reserve(view, payment, account)
        return reserve.lent if payment.means is Means.COLLATERAL else reserve.owed

    def proof(self, payment: Payment, account: Address) -> Proof:
        asset, whose = word(payment.asset), word(account)
        if payment.means is Means.COLLATERAL:
            return Proof(self.pool, (SUPPLY_EVENT, asset, whose, None), amount_word=1)
        return Proof(self.pool, (REPAY_EVENT, asset, whose, whose), amount_word=0)

    def _call(self, payment: Payment, account: Address, amount: int) -> Call:
        if payment.means is Means.ATOKENS:
            return call(self.pool, REPAY_WITH_ATOKENS, payment.asset, amount, VARIABLE_RATE)
        if payment.means is Means.COLLATERAL:
            return call(self.pool, SUPPLY, payment.asset, amount, account, NO_REFERRAL)
        return call(self.pool, REPAY, payment.asset, amount, VARIABLE_RATE, account)

    def _reserve(self, view: ChainView, payment: Payment, account: Address) -> _Reserve:
        lent, _, owed, *_, is_collateral = words(view, self._user_reserve(payment, account), 9)
        return _Reserve(lent, owed, is_collateral=bool(is_collateral))

    def _emode_of(self, view: ChainView, payment: Payment, account: Address) -> _Emode | None:
        """Return the eMode terms of the account; None without any, or where they make no difference."""
        category = number(view, self._emode(account))
        member_of = view.uint(self._reserve_emode(payment))
        if category == 0 or (member_of is None and payment.means is Means.WALLET):
            return None
        _, _, threshold, _, price_source = words(view, self._category(category), 5)
        is_member = None if member_of is None else member_of == category
        if is_member and price_source:
            raise Unreadable("emode_price", f"the eMode category {category} has a price of its own")
        return _Emode(threshold, is_member)

    def _threshold(self, view: ChainView, payment: Payment, emode: _Emode | None) -> Fraction:
        plain = number(view, self._configuration(payment)) >> _THRESHOLD_SHIFT & 0xFFFF
        if emode is None or emode.is_member is False:
            return sound_threshold(Fraction(plain, _BPS), payment)
        if emode.is_member:
            return sound_threshold(Fraction(emode.threshold, _BPS), payment)
        safe = max if payment.means is Means.ATOKENS else min
        return sound_threshold(Fraction(safe(plain, emode.threshold), _BPS), payment)

    def _require_own_addresses(self, view: ChainView) -> None:
        named = (self.pool, self.oracle, self.data_provider)
        for read, address in zip(self._own_addresses(), named, strict=True):
            found = number(view, read)
            if found != number_of(address):
                raise Unreadable("market_moved", f"the market has another {read.name} now: 0x{found:040x}")

    def _own_addresses(self) -> tuple[Read, ...]:
        names = ((POOL_OF, "pool"), (ORACLE_OF, "price oracle"), (DATA_PROVIDER_OF, "data provider"))
        return tuple(read_of(self.addresses_provider, function, name) for function, name in names)

    def _account_data(self, account: Address) -> Read:
        return read_of(self.pool, ACCOUNT_DATA, "health factor", account)

    def _configuration(self, payment: Payment) -> Read:
        return read_of(self.pool, CONFIGURATION, "reserve", payment.asset)

    def _user_reserve(self, payment: Payment, account: Address) -> Read:
        return read_of(self.data_provider, USER_RESERVE, "debt", payment.asset, account)

    def _price(self, payment: Payment) -> Read:
        return read_of(self.oracle, ASSET_PRICE, "price", payment.asset)

    def _emode(self, account: Address) -> Read:
        return read_of(self.pool, USER_EMODE, "eMode", account)

    def _reserve_emode(self, payment: Payment) -> Read:
        return read_of(self.data_provider, RESERVE_EMODE, "eMode of the reserve", payment.asset)

    def _category(self, category: int) -> Read:
        return read_of(self.pool, EMODE_CATEGORY, "eMode category", category)


def _balance(payment: Payment, account: Address) -> Read:
    return erc20.balance_of(payment.asset, account)


def _held(view: ChainView, payment: Payment, account: Address, reserve: _Reserve) -> int:
    return reserve.lent if payment.means is Means.ATOKENS else number(view, _balance(payment, account))
