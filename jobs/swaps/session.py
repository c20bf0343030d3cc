"""What an order's session must allow: the approvals and the one swap, word by word."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.domain.call import Call
from agent.domain.possible_call import PossibleCall, PossibleOperation, WordRange
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.units import UINT256_MAX, Address
from jobs import erc20
from jobs.swaps.spec import SwapSpec
from jobs.uniswap.permit2 import THIS_BLOCK, permit2_approve
from jobs.uniswap.swap_call import SwapCall, Trade

MAX_DEADLINE = 2**48 - 1
_WORD = 32


@dataclass(frozen=True, slots=True)
class Allowed:
    """What all of an order's swaps can be."""

    most: int
    """Sold in one swap at most."""
    total: int
    """Sold by all uses of the session together, in base units."""
    floor: int = 0
    """The least that each must bring in; 0 where the owner names none."""
    least: int = 1
    """Sold in one swap at least."""
    price_limit: int = 0

    @property
    def clears(self) -> bool:
        """Whether an approval may be left over that is taken back."""
        return bool(self.price_limit)


def requirements(
    spec: SwapSpec, account: Address, uses: int, allowed: Allowed
) -> tuple[ActionRequirement, ...]:
    """Return the least a session must allow for so many swaps."""
    market = spec.market
    approve = ActionRequirement(
        market.sold,
        erc20.APPROVE,
        uses,
        (
            ArgumentRule("spender", 0, Comparison.EQUAL, _number(market.spender)),
            ArgumentRule("amount", _WORD, Comparison.AT_MOST, allowed.most),
        ),
        token=market.sold,
        token_total=allowed.total,
    )
    call = _widest(spec, account, allowed)
    swap = ActionRequirement(call.call.target, call.call.data[:4], uses, tuple(_rules(spec, call, allowed)))
    if not spec.venue.is_universal:
        return (approve, swap)
    return (approve, _permit2(spec, uses, allowed), swap)


def possible_operations(
    spec: SwapSpec, account: Address, uses: int, allowed: Allowed
) -> tuple[PossibleOperation, ...]:
    """Return every form of the operation that sells."""
    market = spec.market
    clear = PossibleCall(erc20.approve(market.sold, market.spender, 0), optional=True)
    amount = WordRange("amount", _WORD, allowed.least, allowed.most, allowed.total)
    calls = [
        clear,
        PossibleCall(erc20.approve(market.sold, market.spender, allowed.most), (amount,)),
        *_permit2_calls(spec, allowed),
        _swap(spec, account, allowed),
    ]
    if allowed.clears:
        calls.append(PossibleCall(clear.template))
    return (PossibleOperation(tuple(calls), uses),)


def _swap(spec: SwapSpec, account: Address, allowed: Allowed) -> PossibleCall:
    widest = _widest(spec, account, allowed)
    varies = (
        WordRange("amount", widest.amount_at, allowed.least, allowed.most),
        WordRange("minimum", widest.minimum_at, max(1, allowed.floor), UINT256_MAX),
        WordRange("deadline", widest.deadline_at, 0, _last_deadline(spec)),
    )
    return PossibleCall(widest.call, varies)


def _widest(spec: SwapSpec, account: Address, allowed: Allowed) -> SwapCall:
    trade = Trade(allowed.most, max(1, allowed.floor), account, _last_deadline(spec), allowed.price_limit)
    return spec.market.swap(trade)


def _last_deadline(spec: SwapSpec) -> int:
    return MAX_DEADLINE if spec.end is None else spec.end


def _rules(spec: SwapSpec, call: SwapCall, allowed: Allowed) -> Iterator[ArgumentRule]:
    for offset, content in call.pinned():
        yield ArgumentRule(f"byte {offset}", offset, Comparison.EQUAL, content)
    yield ArgumentRule("amount", call.amount_at, Comparison.AT_MOST, allowed.most)
    if allowed.floor:
        yield ArgumentRule("minimum", call.minimum_at, Comparison.AT_LEAST, allowed.floor)
    if spec.end is not None:
        yield ArgumentRule("deadline", call.deadline_at, Comparison.AT_MOST, spec.end)


def _permit2(spec: SwapSpec, uses: int, allowed: Allowed) -> ActionRequirement:
    call = _permit2_call(spec, allowed)
    rules = (
        ArgumentRule("token", 0, Comparison.EQUAL, _number(spec.market.sold)),
        ArgumentRule("spender", _WORD, Comparison.EQUAL, _number(spec.venue.address)),
        ArgumentRule("amount", 2 * _WORD, Comparison.AT_MOST, allowed.most),
        ArgumentRule("expiration", 3 * _WORD, Comparison.EQUAL, THIS_BLOCK),
    )
    return ActionRequirement(call.target, call.data[:4], uses, rules)


def _permit2_calls(spec: SwapSpec, allowed: Allowed) -> Iterator[PossibleCall]:
    if spec.venue.is_universal:
        amount = WordRange("amount", 2 * _WORD, allowed.least, allowed.most)
        yield PossibleCall(_permit2_call(spec, allowed), (amount,))


def _permit2_call(spec: SwapSpec, allowed: Allowed) -> Call:
    return permit2_approve(spec.venue.permit2, spec.market.sold, spec.venue.address, allowed.most)


def _number(address: Address) -> int:
    return int.from_bytes(address, "big")
