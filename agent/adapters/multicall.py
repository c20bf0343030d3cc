"""Multicall3 `aggregate3`, packed by hand because it is on the path of every block."""

from binascii import unhexlify
from collections.abc import Iterator, Sequence
from functools import lru_cache

from agent.domain.call import Call

AGGREGATE3 = bytes.fromhex("82ad56cb")
_WORD = 32
_TWO_WORDS = 2 * _WORD
_NO_BYTES = bytes(12)
_MAY_FAIL = (1).to_bytes(_WORD, "big") + (96).to_bytes(_WORD, "big")
"""`allowFailure`, and where the call data begins."""
_SHORTEST = 6 * _WORD
"""Hex digits of a result without data."""
_COMPARED = 64
"""Results that are compared at once: few of thousands change in a block."""


def aggregate3(calls: Sequence[Call]) -> bytes:
    """Encode `aggregate3((address target, bool allowFailure, bytes callData)[])`, each allowed to fail."""
    heads = []
    tails = []
    offset = _WORD * len(calls)
    for call in calls:
        heads.append(offset.to_bytes(_WORD, "big"))
        data = call.data
        size = len(data)
        tail = b"".join(
            (_NO_BYTES, call.target, _MAY_FAIL, size.to_bytes(_WORD, "big"), data, bytes(-size % _WORD))
        )
        tails.append(tail)
        offset += len(tail)
    return b"".join(
        (AGGREGATE3, (_WORD).to_bytes(_WORD, "big"), len(calls).to_bytes(_WORD, "big"), *heads, *tails)
    )


def aggregate3_results(data: bytes, expected: int) -> list[tuple[bool, bytes]]:
    """Decode `(bool success, bytes returnData)[]`; raises ValueError when it is not `expected` long."""
    base = _word(data, 0)
    if _word(data, base) != expected:
        raise ValueError(f"Multicall3 answered {_word(data, base)} results, not {expected}")
    first = base + _WORD
    return [_result(data, first + _word(data, first + _WORD * index)) for index in range(expected)]


def result_stride(text: str, count: int) -> int:
    """Return how many hex digits each of `count` results takes up; 0 where they may differ in that.

    `text` is the answer as 0x-hex. What has a stride is `count` results, one after the other, to the end.
    """
    stride, rest = divmod(len(text) - first_result(count), max(count, 1))
    if rest or stride < _SHORTEST or stride % (2 * _WORD):
        return 0
    return stride if text.startswith(_even_head(count, stride)) else 0


def first_result(count: int) -> int:
    """Return where in the answer as 0x-hex the first of `count` results of one stride begins."""
    return len("0x") + 2 * _WORD * (2 + count)


def differing(old: str, new: str, count: int, stride: int) -> Iterator[int]:
    """Return which of `count` results differ between two answers of that stride, in order."""
    first, many = first_result(count), _COMPARED * stride
    for start in range(first, len(new), many):
        if old[start : start + many] != new[start : start + many]:
            for at in range(start, min(start + many, len(new)), stride):
                if old[at : at + stride] != new[at : at + stride]:
                    yield (at - first) // stride


def result_in(text: str) -> tuple[bool, bytes]:
    """Decode one result of an answer with a stride, as hex; raises ValueError."""
    data = unhexlify(text)
    length = _word(data, 2 * _WORD)
    if _word(data, _WORD) != 2 * _WORD or length > len(data) - 3 * _WORD:
        raise ValueError("Multicall3's answer is cut short")
    return _word(data, 0) != 0, data[3 * _WORD : 3 * _WORD + length]


@lru_cache(maxsize=32)
def _even_head(count: int, stride: int) -> str:
    """Return how an answer of `count` results begins when each takes up `stride` hex digits."""
    words = [_WORD, count, *(_WORD * count + stride // 2 * place for place in range(count))]
    return "0x" + b"".join(word.to_bytes(_WORD, "big") for word in words).hex()


def _result(data: bytes, start: int) -> tuple[bool, bytes]:
    # Read here, not word by word: a burst has thousands of results.
    size = len(data)
    if start + _TWO_WORDS > size:
        raise ValueError("Multicall3's answer is cut short")
    value_at = start + int.from_bytes(data[start + _WORD : start + _TWO_WORDS], "big") + _WORD
    if value_at > size:
        raise ValueError("Multicall3's answer is cut short")
    end = value_at + int.from_bytes(data[value_at - _WORD : value_at], "big")
    if end > size:
        raise ValueError("Multicall3's answer is cut short")
    return int.from_bytes(data[start : start + _WORD], "big") != 0, data[value_at:end]


def _word(data: bytes, at: int) -> int:
    word = data[at : at + _WORD]
    if len(word) != _WORD:
        raise ValueError("Multicall3's answer is cut short")
    return int.from_bytes(word, "big")
