"""Swaps that a session's rules pin word by word, through routers' call data with dynamic arguments too.

A dynamic argument stands where a pointer says. Rules that fix the pointers, lengths and contents leave a
caller no choice of place, and what the call does can be read from the rules alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from agent.domain.keccak import keccak256
from agent.domain.session import Selector
from agent.domain.units import Address
from agent.smart_sessions.guards import GuardedAction
from agent.smart_sessions.policies.uni_action import Condition, Rule

_WORD = 32
_ADDRESS = 20
_PAYER_IS_USER = 1
_MAX_ITEMS = 16


def _selector(signature: str) -> Selector:
    return keccak256(signature.encode())[:4]


PERMIT2_APPROVE = _selector("approve(address,address,uint160,uint48)")


@dataclass(frozen=True, slots=True)
class Leg:
    """One exchange of a swap; offsets count from behind the selector."""

    sold: Address
    bought: Address
    recipient: Address
    amount_at: int
    """Where the word stands that says how much is sold."""
    least_at: int
    """Where the word stands that says how much must come in at least."""


@dataclass(frozen=True, slots=True)
class PinnedSwap:
    """A call that can only swap, and for whom; amounts, the least to come in and the deadline may vary."""

    legs: tuple[Leg, ...]

    @property
    def recipients(self) -> frozenset[Address]:
        """Who gets what is bought."""
        return frozenset(leg.recipient for leg in self.legs)


class Free(Exception):
    """A byte that decides what the call does is not pinned, or makes no sense."""


class Known:
    """The bytes of the arguments that rules fix; what asks for another raises Free."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._bytes = {
            rule.offset + index: byte
            for rule in rules
            if rule.condition is Condition.EQUAL
            for index, byte in enumerate(rule.reference)
        }

    def bytes(self, at: int, size: int) -> bytes:
        """Return so many bytes; raise Free where one is not fixed."""
        try:
            return bytes(self._bytes[at + index] for index in range(size))
        except KeyError:
            raise Free from None

    def word(self, at: int) -> int:
        """Return a word as an unsigned number."""
        return int.from_bytes(self.bytes(at, _WORD), "big")

    def address(self, at: int) -> Address:
        """Return the address in a word."""
        word = self.bytes(at, _WORD)
        if any(word[:12]):
            raise Free
        return Address(word[12:])

    def small(self, at: int) -> int:
        """Return a pointer or a length."""
        number = self.word(at)
        if number > _MAX_ITEMS * _WORD:
            raise Free
        return number


_Reader = Callable[[Known, int], Iterator[Leg]]


def pinned_swap(action: GuardedAction) -> PinnedSwap | None:
    """Return what a router's function can only do under its rules; None where they leave it a choice."""
    reader = _READERS.get(action.selector)
    if reader is None or action.guards.rules is None:
        return None
    try:
        return PinnedSwap(tuple(reader(Known(action.guards.rules.rules), 0)))
    except Free:
        return None


def is_swap(selector: Selector) -> bool:
    """Whether the function swaps, and nothing else, whatever its arguments."""
    return selector in _READERS and selector not in _WRAPPERS


def is_router(selector: Selector) -> bool:
    """Whether the function is one of a router's that swap, alone or among others."""
    return selector in _READERS


def is_pinned_permit2(action: GuardedAction) -> bool:
    """Whether it can only let one spender have one token through Permit2, of what the token itself allows."""
    if action.selector != PERMIT2_APPROVE or action.guards.rules is None:
        return False
    known = Known(action.guards.rules.rules)
    try:
        known.address(0), known.address(_WORD), known.word(3 * _WORD)
    except Free:
        return False
    return True


def _single(known: Known, at: int, *, amount_word: int = 4) -> Iterator[Leg]:
    # Tokens and fee name the pool.
    known.word(at + 2 * _WORD)
    sold, bought, recipient = known.address(at), known.address(at + _WORD), known.address(at + 3 * _WORD)
    yield _leg((sold, bought), recipient, at + amount_word * _WORD)


def _path_of(known: Known, at: int, *, amount_word: int = 2) -> Iterator[Leg]:
    start = at + known.small(at)
    ends = _bytes_path(known, start + known.small(start))
    yield _leg(ends, known.address(start + _WORD), start + amount_word * _WORD)


def _v2(known: Known, at: int) -> Iterator[Leg]:
    ends = _address_path(known, at + known.small(at + 2 * _WORD))
    yield _leg(ends, known.address(at + 3 * _WORD), at)


def _leg(ends: tuple[Address, Address], recipient: Address, amount_at: int) -> Leg:
    # Every router has the least to come in right behind the amount that is sold.
    return Leg(*ends, recipient, amount_at, amount_at + _WORD)


def _multicall(known: Known, at: int) -> Iterator[Leg]:
    for element in _elements(known, at + known.small(at + _WORD)):
        known.small(element)
        reader = _INNER.get(known.bytes(element + _WORD, 4))
        if reader is None:
            raise Free
        yield from reader(known, element + _WORD + 4)


def _execute(known: Known, at: int) -> Iterator[Leg]:
    commands = at + known.small(at)
    listed = known.bytes(commands + _WORD, known.small(commands))
    inputs = tuple(_elements(known, at + known.small(at + _WORD)))
    if len(inputs) != len(listed):
        raise Free
    for command, element in zip(listed, inputs, strict=True):
        path = _COMMANDS.get(command)
        start = element + _WORD
        known.small(element)
        if path is None or known.word(start + 4 * _WORD) != _PAYER_IS_USER:
            raise Free
        ends = path(known, start + known.small(start + 3 * _WORD))
        yield _leg(ends, known.address(start), start + _WORD)


def _elements(known: Known, at: int) -> Iterator[int]:
    """Yield where the elements of `bytes[]` begin: at their lengths."""
    count = known.small(at)
    if not 1 <= count <= _MAX_ITEMS:
        raise Free
    for index in range(count):
        yield at + _WORD + known.small(at + _WORD + index * _WORD)


def _bytes_path(known: Known, at: int) -> tuple[Address, Address]:
    """Return the first and the last token of packed tokens and fees."""
    path = known.bytes(at + _WORD, known.small(at))
    if len(path) < 2 * _ADDRESS:
        raise Free
    return Address(path[:_ADDRESS]), Address(path[-_ADDRESS:])


def _address_path(known: Known, at: int) -> tuple[Address, Address]:
    """Return the first and the last of the tokens."""
    path = [known.address(at + _WORD + index * _WORD) for index in range(known.small(at))]
    if not path:
        raise Free
    return path[0], path[-1]


_V2_NAMES = ("swapExactTokensForTokens", "swapExactTokensForTokensSupportingFeeOnTransferTokens")
_INNER: Mapping[Selector, _Reader] = {
    _selector("exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))"): _single,
    _selector("exactInput((bytes,address,uint256,uint256))"): _path_of,
}
_WRAPPERS: Mapping[Selector, _Reader] = {
    _selector("multicall(uint256,bytes[])"): _multicall,
    _selector("execute(bytes,bytes[],uint256)"): _execute,
}
_READERS: Mapping[Selector, _Reader] = {
    **_INNER,
    **_WRAPPERS,
    _selector("exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"): partial(
        _single, amount_word=5
    ),
    _selector("exactInput((bytes,address,uint256,uint256,uint256))"): partial(_path_of, amount_word=3),
    **{_selector(f"{name}(uint256,uint256,address[],address,uint256)"): _v2 for name in _V2_NAMES},
}
_COMMANDS = {0x00: _bytes_path, 0x08: _address_path}
"""V3_SWAP_EXACT_IN and V2_SWAP_EXACT_IN; one that may fail has its highest bit set, and is none of these."""
