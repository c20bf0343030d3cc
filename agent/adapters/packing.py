"""How many calls go into one `eth_call`: by gas, by the size of the request, and by what nodes refused."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.domain.call import Call

GAS_PER_CALL = 12_500
"""Of a view of an ERC-7579 module on average, its call data and its answer in Multicall3 included."""
MOST_DATA = 510_000
"""Bytes; twice that as hex: below 1 MiB, from where on sending a body would stop the event loop."""
FEWEST = 50
"""A node that refuses so few has another reason."""
HEAD = 160
"""Bytes of a call in `aggregate3` beside its data."""
_TOO_MUCH = re.compile(
    r"gas|too (large|big|long|many)|size|limit|exceed|time[d ]?-?out|revert", re.IGNORECASE
)
_TOO_OFTEN = re.compile(r"\brate\b|requests|per second|capacity|quota", re.IGNORECASE)


@dataclass(slots=True)
class Packing:
    """Packs calls; what a node refused makes later packs smaller."""

    call_gas: int
    _most: int = field(init=False)

    def __post_init__(self) -> None:
        self._most = max(FEWEST, self.call_gas // GAS_PER_CALL)

    def chunks(self, calls: Sequence[Call]) -> Iterator[Sequence[Call]]:
        """Return the calls, in order, in pieces that go into one request each."""
        start = 0
        while start < len(calls):
            end = self._end(calls, start)
            yield calls[start:end]
            start = end

    def learn(self, taken: int) -> None:
        """Pack no more than that from now on: twice as many were refused."""
        self._most = min(self._most, max(FEWEST, taken))

    def _end(self, calls: Sequence[Call], start: int) -> int:
        end, size = start, 0
        while end < min(len(calls), start + self._most):
            size += HEAD + len(calls[end].data) + -len(calls[end].data) % 32
            if size > MOST_DATA and end > start:
                break
            end += 1
        return end


def is_too_much(message: str) -> bool:
    """Say whether a node's error is about the amount of what was asked."""
    return _TOO_MUCH.search(message) is not None and not is_too_often(message)


def is_too_often(message: str) -> bool:
    """Say whether a node's error is about how often it is asked."""
    return _TOO_OFTEN.search(message) is not None
