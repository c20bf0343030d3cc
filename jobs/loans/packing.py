"""Words of call data and answers, packed and read by hand."""

from functools import lru_cache

from agent.domain.call import Call
from agent.domain.evaluation import ChainView, Read
from agent.domain.keccak import keccak256
from agent.domain.units import Address
from jobs.erc20 import NOTHING, word

WORD = 32


class Unreadable(ValueError):
    """A read failed, or answered what cannot be: what depends on it is unknown."""

    def __init__(self, code: str, why: str) -> None:
        """Take a stable code and the same for people."""
        super().__init__(why)
        self.code = code
        self.why = why


def selector(signature: str) -> bytes:
    """Return the first four bytes of a function's hash."""
    return keccak256(signature.encode())[:4]


def event(signature: str) -> bytes:
    """Return the first topic of an event."""
    return keccak256(signature.encode())


def packed(function: bytes, *values: Address | int) -> bytes:
    """Return call data of static arguments, one word each."""
    return function + b"".join(map(word, values))


def call(target: Address, function: bytes, *values: Address | int) -> Call:
    """Return a call with static arguments that sends no coin."""
    return Call(target, NOTHING, packed(function, *values))


# Of ten thousand loans each is looked up at every block.
@lru_cache(maxsize=262_144)
def read_of(target: Address, function: bytes, name: str, *values: Address | int) -> Read:
    """Return the read of a view with static arguments."""
    return Read(target, packed(function, *values), name)


def words(view: ChainView, read: Read, count: int) -> tuple[int, ...]:
    """Return the first words of an answer as unsigned numbers; raise Unreadable."""
    return words_of(view.values.get(read), count, read.name)


def number(view: ChainView, read: Read) -> int:
    """Return the first word of an answer as an unsigned number; raise Unreadable."""
    return words(view, read, 1)[0]


def word_at(view: ChainView, read: Read, place: int) -> int:
    """Return one word of an answer as an unsigned number; raise Unreadable."""
    data, end = view.values.get(read), WORD * (place + 1)
    if data is None or len(data) < end:
        raise unreadable(read.name)
    return int.from_bytes(data[end - WORD : end], "big")


def above_zero(value: int, code: str, why: str) -> int:
    """Return the value; raise Unreadable, in these words, for zero."""
    if value == 0:
        raise Unreadable(code, why)
    return value


def words_of(data: bytes | None, count: int, what: str) -> tuple[int, ...]:
    """Return the first words as unsigned numbers; raise Unreadable where there are fewer."""
    if data is None or len(data) < WORD * count:
        raise unreadable(what)
    return tuple(int.from_bytes(data[at : at + WORD], "big") for at in range(0, WORD * count, WORD))


def unreadable(what: str) -> Unreadable:
    """Return that a value cannot be read."""
    return Unreadable(f"{what.lower().replace(' ', '_')}_unreadable", f"the {what} cannot be read")


def number_of(address: Address) -> int:
    """Return an address as the number that its word is."""
    return int.from_bytes(address, "big")
