"""Morpho Blue: paying back loan tokens, and adding collateral.

The contract keeps totals as of the last accrual. Every look accrues first, inside one read: Multicall3 calls
`accrueInterest` and then the views, so their answers are those of the read's block, whatever the rate model.

An amount above the debt reverts, 2^256-1 too: nothing is clamped. Paying back all goes by shares, which the
interest until inclusion does not change, under an approval with a margin for that interest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from eth_abi.abi import encode

from agent.domain.call import Call
from agent.domain.evaluation import ChainView, Read
from agent.domain.keccak import keccak256
from agent.domain.possible_call import PossibleCall, WordRange
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.units import UINT256_MAX, Address, Hash32
from jobs import erc20
from jobs.erc20 import MULTICALL3, word
from jobs.loans.approval import approval_requirement, approvals, possible_approvals
from jobs.loans.market import NONE, Payment, Proof, sound_threshold
from jobs.loans.packing import (
    WORD,
    above_zero,
    call,
    event,
    number,
    number_of,
    packed,
    selector,
    words,
    words_of,
)
from jobs.loans.position import NO_DEBT, Means, Position, payable, whole

PARAMS = "(address,address,address,address,uint256)"
ACCRUE = selector(f"accrueInterest({PARAMS})")
MARKET = selector("market(bytes32)")
POSITION = selector("position(bytes32,address)")
PRICE = selector("price()")
REPAY = selector(f"repay({PARAMS},uint256,uint256,address,bytes)")
SUPPLY_COLLATERAL = selector(f"supplyCollateral({PARAMS},uint256,address,bytes)")
REPAY_EVENT = event("Repay(bytes32,address,address,uint256,uint256)")
SUPPLY_COLLATERAL_EVENT = event("SupplyCollateral(bytes32,address,address,uint256)")
AGGREGATE = selector("aggregate3((address,bool,bytes)[])")
PRICE_SCALE = 10**36
LLTV_SCALE = 10**18
VIRTUAL_ASSETS, VIRTUAL_SHARES = 1, 10**6
SHARES_PER_UNIT = 10**6
"""A debt has at most so many shares to a base unit: from here on, interest makes each share worth more."""
_PARAM_NAMES = ("loanToken", "collateralToken", "oracle", "irm", "lltv")


@dataclass(frozen=True, slots=True)
class _State:
    """A market and an account in it, interest counted up to the block."""

    shares: int
    """That the account owes."""
    owed: int
    """Base units of the loan token, rounded up as the contract does."""
    collateral: int
    price: int
    """Of a base unit of collateral in base units of the loan token, times PRICE_SCALE."""


@dataclass(frozen=True, slots=True)
class MorphoBlue:
    """One market of Morpho Blue, by its parameters."""

    morpho: Address
    loan_token: Address
    collateral_token: Address
    oracle: Address
    irm: Address
    lltv: int
    """The liquidation threshold, in parts of LLTV_SCALE."""

    @property
    def name(self) -> str:
        return "morpho_blue"

    @property
    def means(self) -> frozenset[Means]:
        return frozenset({Means.WALLET, Means.COLLATERAL})

    @property
    def params(self) -> tuple[Address | int, ...]:
        """`MarketParams`, five words."""
        return (self.loan_token, self.collateral_token, self.oracle, self.irm, self.lltv)

    @property
    def market_id(self) -> Hash32:
        """The hash that names the market."""
        return Hash32(keccak256(packed(b"", *self.params)))

    def identity(self) -> Mapping[str, str]:
        return {"protocol": self.name, "market": f"{self.market_id} of {self.morpho}"}

    def objection(self, payment: Payment) -> str:
        expected = self.collateral_token if payment.means is Means.COLLATERAL else self.loan_token
        what = "collateral" if payment.means is Means.COLLATERAL else "loan token"
        same = payment.token.address == expected
        return "" if same else f"{payment.token.symbol} is not the market's {what} {expected}"

    def health_reads(self, account: Address) -> tuple[Read, ...]:
        return (_accrued(self, account),)

    def health(self, view: ChainView, account: Address) -> Fraction:
        state = self._state(view, account)
        return Fraction(self._weighted(state), state.owed) if state.owed else NO_DEBT

    def state_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        return (_accrued(self, account), erc20.balance_of(payment.asset, account))

    def barred(self, view: ChainView, payment: Payment) -> str:
        # Nobody can pause or freeze it.
        return ""

    def payable(self, view: ChainView, payment: Payment, account: Address) -> int:
        held = number(view, erc20.balance_of(payment.asset, account))
        return payable(payment.means, held, self._state(view, account).owed)

    def owed(self, view: ChainView, payment: Payment, account: Address) -> int:
        return self._state(view, account).owed

    def position_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        return (*self.state_reads(payment, account), erc20.allowance(payment.asset, account, self.morpho))

    def position(self, view: ChainView, payment: Payment, account: Address) -> Position:
        state = self._state(view, account)
        adds = payment.means is Means.COLLATERAL
        return Position(
            weighted=Fraction(self._weighted(state)),
            debt=Fraction(state.owed),
            unit_value=Fraction(state.price, PRICE_SCALE) if adds else Fraction(1),
            threshold=sound_threshold(Fraction(self.lltv, LLTV_SCALE), payment) if adds else NONE,
            owed=0 if adds else state.owed,
            counted=state.collateral if adds else state.owed,
            held=number(view, erc20.balance_of(payment.asset, account)),
            allowance=number(view, erc20.allowance(payment.asset, account, self.morpho)),
            shares=0 if adds else state.shares,
        )

    def calls(self, position: Position, payment: Payment, account: Address, amount: int) -> tuple[Call, ...]:
        approved = approvals(payment.asset, self.morpho, amount, position.allowance)
        if payment.means is Means.COLLATERAL:
            return (*approved, self._supply(account, amount))
        if amount >= whole(position.owed) and position.shares <= _most_shares(payment):
            return (*approved, self._repay(account, 0, position.shares))
        return (*approved, self._repay(account, min(amount, position.owed), 0))

    def requirements(self, payment: Payment, account: Address, uses: int) -> tuple[ActionRequirement, ...]:
        approval = approval_requirement(payment.asset, self.morpho, payment.most, uses)
        most = ("assets", Comparison.AT_MOST, payment.most)
        whose = ("onBehalf", Comparison.EQUAL, number_of(account))
        no_data = ("data length", Comparison.EQUAL, 0)
        if payment.means is Means.COLLATERAL:
            rules = self._rules(most, whose, ("data", Comparison.EQUAL, 8 * WORD), no_data)
            return (approval, ActionRequirement(self.morpho, SUPPLY_COLLATERAL, uses, rules))
        shares = ("shares", Comparison.AT_MOST, _most_shares(payment))
        rules = self._rules(most, shares, whose, ("data", Comparison.EQUAL, 9 * WORD), no_data)
        return (approval, ActionRequirement(self.morpho, REPAY, uses, rules))

    def possible(self, payment: Payment, account: Address) -> tuple[PossibleCall, ...]:
        approved = possible_approvals(payment.asset, self.morpho, payment.most)
        if payment.means is Means.COLLATERAL:
            amount = WordRange("assets", 5 * WORD, 1, payment.most)
            return (*approved, PossibleCall(self._supply(account, payment.most), (amount,)))
        assets = WordRange("assets", 5 * WORD, 0, payment.most)
        shares = WordRange("shares", 6 * WORD, 0, _most_shares(payment))
        return (*approved, PossibleCall(self._repay(account, payment.most, 0), (assets, shares)))

    def counted_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        return (
            Read(self.morpho, MARKET + self.market_id, "market"),
            Read(self.morpho, POSITION + self.market_id + word(account), "position"),
        )

    def counted(self, view: ChainView, payment: Payment, account: Address) -> int:
        # Paying back accrues: right after it the totals are those of the block.
        market, position = self.counted_reads(payment, account)
        _, _, total_assets, total_shares = words(view, market, 4)
        _, shares, collateral = words(view, position, 3)
        adds = payment.means is Means.COLLATERAL
        return collateral if adds else _owed(shares, total_assets, total_shares)

    def proof(self, payment: Payment, account: Address) -> Proof:
        is_repaid = payment.means is Means.WALLET
        name = REPAY_EVENT if is_repaid else SUPPLY_COLLATERAL_EVENT
        return Proof(self.morpho, (name, self.market_id, word(account), word(account)), amount_word=0)

    def _repay(self, account: Address, assets: int, shares: int) -> Call:
        return call(self.morpho, REPAY, *self.params, assets, shares, account, 9 * WORD, 0)

    def _supply(self, account: Address, assets: int) -> Call:
        return call(self.morpho, SUPPLY_COLLATERAL, *self.params, assets, account, 8 * WORD, 0)

    def _rules(self, *others: tuple[str, Comparison, int]) -> tuple[ArgumentRule, ...]:
        numbers = (part if isinstance(part, int) else number_of(part) for part in self.params)
        pinned = ((name, Comparison.EQUAL, part) for name, part in zip(_PARAM_NAMES, numbers, strict=True))
        return tuple(
            ArgumentRule(name, WORD * place, comparison, value)
            for place, (name, comparison, value) in enumerate((*pinned, *others))
        )

    def _weighted(self, state: _State) -> int:
        """Return the most the account may owe, rounded down twice as the contract does."""
        return state.collateral * state.price // PRICE_SCALE * self.lltv // LLTV_SCALE

    def _state(self, view: ChainView, account: Address) -> _State:
        accrued = _accrued(self, account)
        _, totals, of_account, price = _results(view.values.get(accrued), 4, accrued.name)
        _, _, total_assets, total_shares = words_of(totals, 4, "market")
        _, shares, collateral = words_of(of_account, 3, "position")
        why = f"the oracle {self.oracle} answers zero"
        quoted = above_zero(words_of(price, 1, "price")[0], "price_zero", why)
        return _State(shares, _owed(shares, total_assets, total_shares), collateral, quoted)


def _owed(shares: int, total_assets: int, total_shares: int) -> int:
    """Return what shares owe, rounded up; with the virtual asset and shares that the contract adds."""
    return -(-shares * (total_assets + VIRTUAL_ASSETS) // (total_shares + VIRTUAL_SHARES))


def _most_shares(payment: Payment) -> int:
    return min(payment.most * SHARES_PER_UNIT, UINT256_MAX)


@lru_cache(maxsize=65_536)
def _accrued(market: MorphoBlue, account: Address) -> Read:
    """Return the read that accrues and then looks; it fails whole where one part does."""
    calls = (
        (market.morpho, packed(ACCRUE, *market.params)),
        (market.morpho, MARKET + market.market_id),
        (market.morpho, POSITION + market.market_id + word(account)),
        (market.oracle, PRICE),
    )
    items = [(target, False, data) for target, data in calls]
    data = AGGREGATE + encode(["(address,bool,bytes)[]"], [items])
    return Read(MULTICALL3, data, "health factor")


def _results(answer: bytes | None, count: int, what: str) -> Sequence[bytes]:
    """Return what each of the calls returned; raise Unreadable where the answer is not so many results."""
    words_of(answer, 2 + count, what)
    assert answer is not None  # noqa: S101 - words_of has refused it
    start = 2 * WORD
    found = []
    for number_of_call in range(count):
        at = start + _word_at(answer, start + WORD * number_of_call)
        length_at = at + _word_at(answer, at + WORD)
        length = _word_at(answer, length_at)
        found.append(answer[length_at + WORD : length_at + WORD + length])
    return found


def _word_at(answer: bytes, at: int) -> int:
    # What lies beyond the end reads as zero and ends as a result that is too short.
    return int.from_bytes(answer[at : at + WORD], "big")
