"""A recorded file reads back, is gone on with where it was cut, and damage is noticed."""

import asyncio
import gzip
from pathlib import Path
from typing import cast

import pytest

from agent.commands import jobs_record
from agent.commands.jobs_record import points, record
from agent.commands.recording import (
    Header,
    Point,
    RecordDamaged,
    RecordDiffers,
    RecordIncomplete,
    kept,
    read_record,
)
from agent.domain.evaluation import Read
from agent.domain.units import Address
from agent.ports import ChainReader
from tests.unit.commands.tapes import CHAIN_ID, FakeChain

READS = tuple(
    Read(Address(bytes([place + 1] * 20)), b"\x01\x02\x03\x04", f"value {place}") for place in range(3)
)
HEADER = Header(CHAIN_ID, 100, 160, 2, READS)


@pytest.fixture(autouse=True)
def small_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_record, "MEMBER", 5)


def recorded(path: Path, chain: FakeChain | None = None, header: Header = HEADER) -> int:
    reader = cast("ChainReader", chain or FakeChain())
    return asyncio.run(record(reader, header, path, lambda _done, _of: None))


def all_points(header: Header = HEADER) -> list[Point]:
    async def read() -> list[Point]:
        reader = cast("ChainReader", FakeChain())
        return [point async for point in points(reader, header, header.numbers)]

    return asyncio.run(read())


def test_what_is_recorded_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl.gz"
    assert recorded(path) == 31
    header, found = read_record(path)
    assert (header, list(found)) == (HEADER, all_points())
    assert [read.name for read in header.reads] == ["value 0", "value 1", "value 2"]


def test_any_tool_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl.gz"
    recorded(path)
    lines = gzip.decompress(path.read_bytes()).splitlines()
    assert len(lines) == 1 + 31
    assert b'"format":"sessionkeeper-record"' in lines[0]


def test_only_what_changed_is_kept() -> None:
    changed = [point.number for point in all_points() if point.changes]
    assert changed[0] == 100
    assert len(changed) < 31


def test_the_same_blocks_give_the_same_file(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    recorded(one)
    recorded(two)
    assert one.read_bytes() == two.read_bytes()


def test_a_file_cut_anywhere_is_told_and_gone_on_with(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    recorded(whole)
    data = whole.read_bytes()
    for cut in range(0, len(data), 13):
        path = tmp_path / "cut"
        path.write_bytes(data[:cut])
        with pytest.raises(RecordIncomplete):
            list(read_record(path)[1])
        assert recorded(path) > 0
        assert list(read_record(path)[1]) == all_points()


@pytest.mark.parametrize("at", [0.0, 0.3, 0.6, 0.9])
def test_damage_is_told(tmp_path: Path, at: float) -> None:
    path = tmp_path / "damaged"
    recorded(path)
    data = bytearray(path.read_bytes())
    data[int(len(data) * at) + 1] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(RecordDamaged):
        list(read_record(path)[1])


def test_interrupted_recording_keeps_what_it_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "interrupted"
    chain = FakeChain(interrupted_at=140)
    with pytest.raises(KeyboardInterrupt):
        recorded(path, chain)
    there = kept(path)
    assert there is not None
    # Sixteen blocks were answered before those of the block that failed.
    assert there.newest == 130
    again = FakeChain()
    assert recorded(path, again) == 15
    assert min(again.asked) == 132
    assert list(read_record(path)[1]) == all_points()


def test_a_file_of_other_blocks_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "other"
    recorded(path)
    before = path.read_bytes()
    with pytest.raises(RecordDiffers):
        recorded(path, header=Header(CHAIN_ID, 100, 161, 1, READS))
    assert path.read_bytes() == before


def test_a_complete_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "complete"
    recorded(path)
    before = path.read_bytes()
    assert recorded(path) == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'{"format":"other","version":1}',
        b'{"format":"sessionkeeper-record","version":1,"chain":1,"from":9,"to":8,"every":1,"reads":[]}',
    ],
)
def test_foreign_files_are_refused(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(gzip.compress(line + b"\n"))
    with pytest.raises(RecordDamaged):
        read_record(path)


@pytest.mark.parametrize(
    "line",
    [
        b'{"n":101,"t":1,"f":1,"a":{"0":"0x","1":"0x","2":"0x"}}',
        b'{"n":100,"t":1,"f":1,"a":{"0":"0x"}}',
        b'{"n":100,"t":1,"f":1,"a":{"0":"0x","1":"0x","3":"0x"}}',
        b'{"n":100,"t":1,"f":1,"a":{"0":"0x","1":"0x","2":"zz"}}',
        b'{"n":100,"t":1,"f":1,"a":[]}',
        b'{"n":100,"t":1,',
    ],
)
def test_wrong_lines_are_told_by_their_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "wrong"
    recorded(path)
    head = gzip.decompress(path.read_bytes()).splitlines()[0]
    path.write_bytes(gzip.compress(head + b"\n" + line + b"\n"))
    with pytest.raises(RecordDamaged, match="line 2"):
        list(read_record(path)[1])
