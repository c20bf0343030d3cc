"""The recorded file: what the reads of jobs answered at one block after another (docs/replay.md).

Gzip of JSON Lines: a header, then a line for each block with what changed. It is written as a row of gzip
members, each whole lines, so a file that was cut is good up to its last whole member and is gone on with.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from gzip import compress
from pathlib import Path
from typing import Any

import orjson

from agent.domain.errors import ConfigError
from agent.domain.evaluation import Read
from agent.domain.units import Address, ChainId, Timestamp, Wei, bytes_from_hex, hex_from_bytes

FORMAT = "sessionkeeper-record"
VERSION = 1
_GZIP = 31
_PIECE = 1 << 16


class RecordDamaged(ConfigError):
    """A recorded file is not what was written."""

    code = "record_damaged"
    remedy = "record it again: sessionkeeper jobs record"


class RecordIncomplete(ConfigError):
    """A recorded file ends before its last block."""

    code = "record_incomplete"
    remedy = "go on with it by the same command: sessionkeeper jobs record"


class RecordDiffers(ConfigError):
    """A recorded file is of other jobs or blocks than asked for."""

    code = "record_differs"
    remedy = "name another file, or record it again: sessionkeeper jobs record"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file holds."""

    chain_id: ChainId
    first: int
    last: int
    """The last block that is in it when it is complete."""
    every: int
    reads: tuple[Read, ...]

    @property
    def numbers(self) -> range:
        """The blocks."""
        return range(self.first, self.last + 1, self.every)


@dataclass(frozen=True, slots=True)
class Point:
    """One block: what it is, and the answers that differ from the block before."""

    number: int
    timestamp: Timestamp
    base_fee_wei: Wei
    changes: Mapping[int, bytes | None]
    """By the read's place in the header; None is a failed read. The first point has all."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a file is whole: where the next member goes, and where the recording stood."""

    size: int
    header: Header
    newest: int | None
    """The last whole block; None without any."""
    answers: Mapping[int, bytes | None]


def header_line(header: Header) -> bytes:
    """Return the first line."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "chain": header.chain_id,
        "from": header.first,
        "to": header.last,
        "every": header.every,
        "reads": [
            {"to": str(read.target), "data": hex_from_bytes(read.data), "name": read.name}
            for read in header.reads
        ],
    }
    return orjson.dumps(document) + b"\n"


def point_line(point: Point) -> bytes:
    """Return a point's line: number, timestamp, base fee, answers that changed."""
    changes = {
        str(place): None if answer is None else hex_from_bytes(answer)
        for place, answer in point.changes.items()
    }
    line = {"n": point.number, "t": point.timestamp, "f": point.base_fee_wei, "a": changes}
    return orjson.dumps(line) + b"\n"


def member(lines: Iterable[bytes]) -> bytes:
    """Return whole lines as one gzip member; the same lines give the same bytes."""
    return compress(b"".join(lines), mtime=0)


def read_record(path: Path) -> tuple[Header, Iterator[Point]]:
    """Return header and points; raise RecordDamaged, and RecordIncomplete behind the last whole point."""
    lines = _lines(path)
    try:
        header = parse_header(next(lines))
    except StopIteration:
        raise RecordIncomplete(f"{path} has no header") from None
    return header, _points(path, header, lines)


def kept(path: Path) -> Kept | None:
    """Return what of a file is whole; None for a file without a header. Raise RecordDamaged."""
    size, lines = 0, [b""]
    for end, text in _members(path):
        size, lines = end, [*lines, *text.splitlines()]
    if len(lines) == 1:
        return None
    header = parse_header(lines[1])
    answers: dict[int, bytes | None] = {}
    newest = None
    for number, line in enumerate(lines[2:], 2):
        point = _parse_point(line, header, number)
        answers.update(point.changes)
        newest = point.number
    return Kept(size, header, newest, answers)


def parse_header(line: bytes) -> Header:
    """Read the first line; raise RecordDamaged."""
    try:
        found: dict[str, Any] = orjson.loads(line)
        _require((found["format"], found["version"]) == (FORMAT, VERSION), "it is of another form")
        reads = tuple(
            Read(Address.parse(item["to"]), bytes_from_hex(item["data"]), str(item["name"]))
            for item in found["reads"]
        )
        chain_id, first, last, every = (int(found[name]) for name in ("chain", "from", "to", "every"))
        _require(0 <= first <= last and every >= 1, "its blocks are in no order")
        return Header(ChainId(chain_id), first, last, every, reads)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordDamaged(f"line 1 is no header of a recorded file: {error}") from None


def _points(path: Path, header: Header, lines: Iterator[bytes]) -> Iterator[Point]:
    expected = iter(header.numbers)
    before = 0
    for number, line in enumerate(lines, 2):
        point = _parse_point(line, header, number)
        if point.number != next(expected, None) or point.timestamp < before:
            raise RecordDamaged(f"line {number} is of block {point.number}, which does not follow")
        before = point.timestamp
        yield point
    missing = next(expected, None)
    if missing is not None:
        raise RecordIncomplete(f"{path} ends before block {missing}, it was to go up to {header.last}")


def _parse_point(line: bytes, header: Header, number: int) -> Point:
    try:
        found: dict[str, Any] = orjson.loads(line)
        changes = {int(place): _answer(answer) for place, answer in found["a"].items()}
        _require(all(0 <= place < len(header.reads) for place in changes), "an answer has no read")
        whole = found["n"] != header.first or len(changes) == len(header.reads)
        _require(whole, "the first block has not all answers")
        return Point(int(found["n"]), Timestamp(int(found["t"])), Wei(int(found["f"])), changes)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordDamaged(f"line {number} is no block: {error}") from None


def _require(holds: bool, what: str) -> None:  # noqa: FBT001 - it reads as a sentence
    if not holds:
        raise ValueError(what)


def _answer(text: str | None) -> bytes | None:
    return None if text is None else bytes_from_hex(text)


def _lines(path: Path) -> Iterator[bytes]:
    for _, text in _members(path):
        yield from text.splitlines()


def _members(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield each whole member's end and text; what was cut off in the middle is left out."""
    rest, end = b"", 0
    with path.open("rb") as file:
        while rest or (rest := file.read(_PIECE)):
            inflate, parts = zlib.decompressobj(_GZIP), []
            try:
                while not inflate.eof:
                    if not rest and not (rest := file.read(_PIECE)):
                        return
                    parts.append(inflate.decompress(rest))
                    end += len(rest) - len(inflate.unused_data)
                    rest = inflate.unused_data
            except zlib.error as error:
                raise RecordDamaged(f"{path} is damaged behind byte {end}: {error}") from None
            yield end, b"".join(parts)


def changes_from(
    known: Mapping[int, bytes | None], answers: Sequence[bytes | None], *, first: bool
) -> dict[int, bytes | None]:
    """Return the answers that differ from those known."""
    return {place: answer for place, answer in enumerate(answers) if first or known.get(place) != answer}
