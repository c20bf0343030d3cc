"""Every call a job can make, as ranges: what a session must allow is proven against all of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.call import Call
from agent.domain.units import Wei


@dataclass(frozen=True, slots=True)
class WordRange:
    """A word of the call data that varies between two values, both included, as unsigned numbers."""

    name: str
    offset: int
    """Counts from behind the selector, in bytes; a multiple of 32."""
    least: int
    most: int
    total: int | None = None
    """What the word adds up to at most over all uses; None: `most` times the uses."""


@dataclass(frozen=True, slots=True)
class PossibleCall:
    """One call in all its forms: a template, and what of it varies. Everything else never changes."""

    template: Call
    varies: tuple[WordRange, ...] = ()
    most_value_wei: Wei | None = None
    """The chain's coin sent along varies from the template's value up to this; None: it does not vary."""
    optional: bool = False
    """Whether an operation may go without it, such as an approval that is there already."""

    def includes(self, call: Call) -> bool:
        """Say whether the call is one of its forms."""
        template = self.template
        most_wei = template.value_wei if self.most_value_wei is None else self.most_value_wei
        if call.target != template.target or not template.value_wei <= call.value_wei <= most_wei:
            return False
        data, expected = bytearray(call.data), bytearray(template.data)
        if len(data) != len(expected):
            return False
        for word in self.varies:
            place = slice(4 + word.offset, 36 + word.offset)
            if not word.least <= int.from_bytes(data[place], "big") <= word.most:
                return False
            data[place] = expected[place]
        return data == expected


@dataclass(frozen=True, slots=True)
class PossibleOperation:
    """Calls that the job makes in one operation, in this order: an approval and the swap it is for."""

    calls: tuple[PossibleCall, ...]
    uses: int
    """So many such operations at most, headroom for retries included."""

    def includes(self, calls: Sequence[Call]) -> bool:
        """Say whether these calls are one of its forms."""
        return _are_forms(self.calls, calls)


def _are_forms(possible: Sequence[PossibleCall], calls: Sequence[Call]) -> bool:
    if not possible:
        return not calls
    first, rest = possible[0], possible[1:]
    if calls and first.includes(calls[0]) and _are_forms(rest, calls[1:]):
        return True
    return first.optional and _are_forms(rest, calls)
