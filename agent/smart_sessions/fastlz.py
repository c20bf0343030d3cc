"""FastLZ level 1 as the contract inflates it (Solady LibZip `flzDecompress`)."""

from collections.abc import Iterator

MAX_LITERAL = 32
MAX_DISTANCE = 8192
MIN_MATCH = 3
_LONGEST = 262
_FIRST = 2
_END = 4
"""The last bytes are always literals."""
_TAIL = _END + 10
"""No match starts in them."""


def compress_literal(data: bytes) -> bytes:
    """Write a stream of literals: valid, always a little longer than the input."""
    return b"".join(_literals(data))


def compress(data: bytes) -> bytes:
    """Compress with the same choice of matches, and so the same bytes, as `flzCompress` of solady.js."""
    out = bytearray()
    table: dict[int, int] = {}
    last_start = len(data) - _TAIL
    literal_start, position = 0, _FIRST
    while position < last_start:
        found = _next_match(data, table, position, last_start)
        if found is None:
            break
        candidate, position = found
        for literal in _literals(data[literal_start:position]):
            out += literal
        length = _match_length(data, candidate, position)
        for token in _matches(position - candidate - 1, length):
            out += token
        position += length
        for _ in range(2):
            table[_hash(_group(data, position))] = position
            position += 1
        literal_start = position
    for literal in _literals(data[literal_start:]):
        out += literal
    return bytes(out)


def decompress(stream: bytes) -> bytes:
    """Inflate; raise ValueError for a stream that ends inside a token or points before the start."""
    out = bytearray()
    position = 0
    while position < len(stream):
        token = stream[position]
        if token < 32:
            end = position + token + 2
            out += stream[position + 1 : end]
        else:
            extended = token >> 5 == 7
            end = position + (3 if extended else 2)
            if end <= len(stream):
                length = stream[position + 1] + 9 if extended else (token >> 5) + 2
                _copy(out, ((token & 31) << 8 | stream[end - 1]) + 1, length)
        if end > len(stream):
            raise ValueError(f"stream of {len(stream)} bytes ends inside the token at {position}")
        position = end
    return bytes(out)


def _literals(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), MAX_LITERAL):
        chunk = data[start : start + MAX_LITERAL]
        yield bytes([len(chunk) - 1]) + chunk


def _next_match(data: bytes, table: dict[int, int], position: int, last_start: int) -> tuple[int, int] | None:
    """Return where the next repetition repeats from and where it starts; None when the data ends first."""
    while position < last_start:
        group = _group(data, position)
        slot = _hash(group)
        candidate = table.get(slot, 0)
        table[slot] = position
        if position - candidate < MAX_DISTANCE and _group(data, candidate) == group:
            return candidate, position
        position += 1
    return None


def _match_length(data: bytes, candidate: int, position: int) -> int:
    """Return the length of a match less one: the three bytes of its group are known to be equal."""
    most = len(data) - _END - position - MIN_MATCH
    length = 0
    while length < most:
        equal = data[candidate + MIN_MATCH + length] == data[position + MIN_MATCH + length]
        length += 1
        if not equal:
            break
    return length


def _matches(distance: int, length: int) -> Iterator[bytes]:
    """Write a match in pieces of at most 262 (both numbers are one less than what they stand for)."""
    high, low = divmod(distance, 256)
    while length > _LONGEST:
        yield bytes([7 << 5 | high, _LONGEST - 9, low])
        length -= _LONGEST
    yield bytes([length << 5 | high, low]) if length < 7 else bytes([7 << 5 | high, length - 7, low])


def _group(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + MIN_MATCH], "little")


def _hash(group: int) -> int:
    # JavaScript multiplies in floating point, where a product above 2^53 loses its last bits.
    return int(2654435769.0 * group) >> 19 & 8191


def _copy(out: bytearray, distance: int, length: int) -> None:
    start = len(out) - distance
    if start < 0:
        raise ValueError(f"match points {-start} bytes before the start")
    # A match may overlap what it writes: "aaaa" is one byte and a distance of one.
    pattern = out[start : start + length]
    out += (pattern * (length // len(pattern) + 1))[:length]
