"""FastLZ level 1 as the contract inflates it (Solady LibZip `flzDecompress`)."""

from collections.abc import Iterator

MAX_LITERAL = 32
MAX_DISTANCE = 8192
MAX_MATCH = 264
MIN_MATCH = 3


def compress_literal(data: bytes) -> bytes:
    """Write a stream of literals: valid, always a little longer than the input."""
    return b"".join(_literals(data))


def compress(data: bytes) -> bytes:
    """Compress; the stream inflates to `data`, though a different compressor may choose other matches."""
    out = bytearray()
    last_seen: dict[bytes, int] = {}
    literal_start = position = 0
    while position + MIN_MATCH <= len(data):
        group = data[position : position + MIN_MATCH]
        candidate = last_seen.get(group)
        last_seen[group] = position
        if candidate is None or position - candidate > MAX_DISTANCE:
            position += 1
            continue
        length = _match_length(data, candidate, position)
        for literal in _literals(data[literal_start:position]):
            out += literal
        out += _match(position - candidate, length)
        position += length
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


def _match_length(data: bytes, candidate: int, position: int) -> int:
    length = MIN_MATCH
    limit = min(len(data) - position, MAX_MATCH)
    while length < limit and data[candidate + length] == data[position + length]:
        length += 1
    return length


def _match(distance: int, length: int) -> bytes:
    high, low = divmod(distance - 1, 256)
    if length < 9:
        return bytes([(length - 2) << 5 | high, low])
    return bytes([7 << 5 | high, length - 9, low])


def _copy(out: bytearray, distance: int, length: int) -> None:
    start = len(out) - distance
    if start < 0:
        raise ValueError(f"match points {-start} bytes before the start")
    # A match may overlap what it writes: "aaaa" is one byte and a distance of one.
    pattern = out[start : start + length]
    out += (pattern * (length // len(pattern) + 1))[:length]
