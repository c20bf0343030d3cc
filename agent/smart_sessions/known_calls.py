"""What the functions of lenders, exchanges and the EntryPoint take out of an account, read from the rules.

A call takes of a token what its amount says and what the account allows the called contract, the less of the
two. What is not listed here is up to the contract that is called.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.domain.keccak import keccak256
from agent.domain.session import Selector
from agent.domain.units import Address
from agent.erc4337.version import CANONICAL_ENTRY_POINTS
from agent.smart_sessions.guards import GuardedAction
from agent.smart_sessions.pinned_swaps import (
    Free,
    Known,
    PinnedSwap,
    is_pinned_permit2,
    is_router,
    pinned_swap,
)
from agent.smart_sessions.policies.uni_action import Condition, Rule

_WORD = 32
_BOUNDS = frozenset((Condition.EQUAL, Condition.LESS_THAN, Condition.LESS_OR_EQUAL, Condition.IN_RANGE))
_PARAMS = "(address,address,address,address,uint256)"
_MARKET_WORDS = 5


class Does(StrEnum):
    """What a known function is for."""

    SWAP = "swap"
    ALLOW = "allow"
    """It lets a spender have a token through Permit2, of what the token itself allows."""
    DEPOSIT = "deposit"
    """It pays coin in at an EntryPoint."""
    PAY_BACK = "pay_back"
    PAY_BACK_LENT = "pay_back_lent"
    """Out of what the account has lent to the same market."""
    SUPPLY = "supply"


@dataclass(frozen=True, slots=True)
class Pull:
    """What one call takes of a token."""

    token: Address
    amount_at: int
    """Where the word stands that says how much, from behind the selector."""
    least_at: int | None = None
    """Where the word stands that says how much of `bought` comes in at least."""
    bought: Address | None = None
    shares_at: int | None = None
    """Where a number of shares may take the amount's place; what they are worth only the market knows."""


@dataclass(frozen=True, slots=True)
class KnownCall:
    """A function under rules that leave no choice but of amounts."""

    action: GuardedAction
    does: Does
    pulls: tuple[Pull, ...] = ()
    whose: tuple[Address, ...] = ()
    """Who has the good of it: a swap's recipients, whose debt or deposit it is; empty for the account."""

    @property
    def has_shares(self) -> bool:
        """Whether it may take what no rule has in units of the token."""
        return any(pull.shares_at is not None for pull in self.pulls)

    @property
    def by_allowance(self) -> bool:
        """Whether it takes no more than the account allows the called contract."""
        return self.does is not Does.PAY_BACK_LENT


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where a lender's function has its arguments, in words."""

    does: Does
    token: int
    amount: int
    whose: int | None = None
    shares: int | None = None
    market: bool = False
    """Whether it begins with the five parameters of a market of Morpho Blue, and ends with `bytes`."""


def known_call(action: GuardedAction) -> KnownCall | None:
    """Return what an action's function can only do under its rules; None where nobody here knows."""
    swap = pinned_swap(action)
    if swap is not None:
        return _swap(action, swap)
    if is_pinned_permit2(action):
        return KnownCall(action, Does.ALLOW)
    reader = _deposit if action.selector == _DEPOSIT_TO else _lending
    try:
        return reader(action)
    except Free:
        return None


def permitted_spender(action: GuardedAction) -> tuple[Address, Address] | None:
    """Return the token and the spender of an `approve` of Permit2 that pins them."""
    if not is_pinned_permit2(action):
        return None
    known = Known(rules_of(action))
    return known.address(0), known.address(_WORD)


def rules_of(action: GuardedAction) -> tuple[Rule, ...]:
    """Return the rules that hold for every call of an action."""
    return action.guards.rules.rules if action.guards.rules else ()


def words_ruled(action: GuardedAction) -> int:
    """Return how many words of a strange function's arguments rules fix or bound, from the first on.

    Zero where none, where a rule stands behind a gap, for what lies in the gap is free, and for a function
    that is known to do more than its rules leave open.
    """
    if action.selector in _LENDING or is_router(action.selector):
        return 0
    rules = [rule for rule in rules_of(action) if rule.condition in _BOUNDS]
    ruled = {rule.offset + index for rule in rules for index in range(_WORD)}
    size = next(at for at in range(len(ruled) + 1) if at not in ruled)
    return size // _WORD if size == len(ruled) else 0


def _swap(action: GuardedAction, swap: PinnedSwap) -> KnownCall:
    pulls = tuple(Pull(leg.sold, leg.amount_at, leg.least_at, leg.bought) for leg in swap.legs)
    return KnownCall(action, Does.SWAP, pulls, tuple(sorted(swap.recipients)))


def _deposit(action: GuardedAction) -> KnownCall | None:
    if action.target not in CANONICAL_ENTRY_POINTS.values():
        return None
    return KnownCall(action, Does.DEPOSIT, whose=(Known(rules_of(action)).address(0),))


def _lending(action: GuardedAction) -> KnownCall | None:
    shape = _LENDING.get(action.selector)
    if shape is None:
        return None
    known = Known(rules_of(action))
    if shape.market:
        _require_market(known, shape)
    whose = () if shape.whose is None else (known.address(_WORD * shape.whose),)
    pull = Pull(
        known.address(_WORD * shape.token),
        _WORD * shape.amount,
        shares_at=None if shape.shares is None or _is_zero(known, shape.shares) else _WORD * shape.shares,
    )
    return KnownCall(action, shape.does, (pull,), whose)


def _require_market(known: Known, shape: _Shape) -> None:
    """Raise Free unless the market is fixed and the account is not called back."""
    known.bytes(0, _WORD * _MARKET_WORDS)
    assert shape.whose is not None  # noqa: S101 - every function of a market names an account
    pointer_at = _WORD * (shape.whose + 1)
    if known.small(known.small(pointer_at)):
        raise Free


def _is_zero(known: Known, place: int) -> bool:
    try:
        return known.word(_WORD * place) == 0
    except Free:
        return False


def _selector(signature: str) -> Selector:
    return keccak256(signature.encode())[:4]


_DEPOSIT_TO = _selector("depositTo(address)")
_AAVE_V3 = {
    "repay(address,uint256,uint256,address)": _Shape(Does.PAY_BACK, 0, 1, whose=3),
    "repayWithATokens(address,uint256,uint256)": _Shape(Does.PAY_BACK_LENT, 0, 1),
    "supply(address,uint256,address,uint16)": _Shape(Does.SUPPLY, 0, 1, whose=2),
}
_COMPOUND_V3 = {
    "supply(address,uint256)": _Shape(Does.SUPPLY, 0, 1),
    "supplyTo(address,address,uint256)": _Shape(Does.SUPPLY, 1, 2, whose=0),
}
_MORPHO_BLUE = {
    f"repay({_PARAMS},uint256,uint256,address,bytes)": _Shape(
        Does.PAY_BACK, 0, 5, whose=7, shares=6, market=True
    ),
    f"supplyCollateral({_PARAMS},uint256,address,bytes)": _Shape(Does.SUPPLY, 1, 5, whose=6, market=True),
}
_LENDING: Mapping[Selector, _Shape] = {
    _selector(signature): shape for signature, shape in (_AAVE_V3 | _COMPOUND_V3 | _MORPHO_BLUE).items()
}
