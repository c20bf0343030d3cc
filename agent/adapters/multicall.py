"""Multicall3 `aggregate3`, packed by hand because it is on the path of every block."""

from collections.abc import Sequence

from agent.domain.call import Call

AGGREGATE3 = bytes.fromhex("82ad56cb")
_WORD = 32


def aggregate3(calls: Sequence[Call]) -> bytes:
    """Encode `aggregate3((address target, bool allowFailure, bytes callData)[])`, each allowed to fail."""
    heads = []
    tails = []
    offset = _WORD * len(calls)
    for call in calls:
        heads.append(offset.to_bytes(_WORD, "big"))
        tail = b"".join(
            (
                bytes(12),
                call.target,
                (1).to_bytes(_WORD, "big"),
                (96).to_bytes(_WORD, "big"),
                len(call.data).to_bytes(_WORD, "big"),
                call.data,
                bytes(-len(call.data) % _WORD),
            )
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


def _result(data: bytes, start: int) -> tuple[bool, bytes]:
    bytes_at = start + _word(data, start + _WORD)
    length = _word(data, bytes_at)
    value = data[bytes_at + _WORD : bytes_at + _WORD + length]
    if len(value) != length:
        raise ValueError("Multicall3's answer is cut short")
    return _word(data, start) != 0, value


def _word(data: bytes, at: int) -> int:
    word = data[at : at + _WORD]
    if len(word) != _WORD:
        raise ValueError("Multicall3's answer is cut short")
    return int.from_bytes(word, "big")
