"""A store that no worker has made yet: it reads as empty and takes nothing that would be lost."""

import inspect
from pathlib import Path

import pytest

from agent.adapters.kill_file import KillFile
from agent.adapters.memory import MemoryJournal, MissingJournal
from agent.adapters.memory.missing import StoreMissing
from agent.commands.unkill import unkill
from agent.domain.hold import AllScope
from agent.domain.kill import KillOrder
from agent.ports import Journal
from tests.acceptance.command import inside
from tests.builders import NOW
from tests.unit.definitions.files import ENVIRONMENT, write_files

WRITES = {
    "append",
    "claim_due",
    "doubt",
    "enroll",
    "fire",
    "hold",
    "pause",
    "record",
    "release_hold",
    "remember",
    "resume",
    "watch",
}
READS = {
    "burned",
    "entries",
    "entries_after",
    "holds",
    "job",
    "jobs",
    "occurrence",
    "occurrences",
    "operations",
    "operations_of",
    "reserved",
    "signed",
    "spent",
    "triggers",
    "verify",
    "watched",
}


def methods(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, inspect.iscoroutinefunction)}


def test_every_method_that_writes_is_known() -> None:
    assert methods(Journal) - READS - {"close"} == WRITES


@pytest.mark.parametrize("name", sorted(WRITES))
async def test_what_would_be_lost_is_refused(name: str) -> None:
    method = getattr(MissingJournal("sqlite:///state/journal.db"), name)
    taken = inspect.signature(method).parameters.values()
    arguments = [None for each in taken if each.kind is each.POSITIONAL_OR_KEYWORD]
    with pytest.raises(StoreMissing, match="there is no journal at sqlite:"):
        await method(*arguments)


async def test_it_reads_as_empty() -> None:
    journal = MissingJournal("sqlite:///state/journal.db")
    assert (await journal.jobs(), await journal.holds(), await journal.reserved()) == ((), (), {})
    assert await (await MemoryJournal.rehearsing(journal)).jobs() == ()


async def test_a_kill_stays_where_the_reason_to_end_it_cannot_be_kept(tmp_path: Path) -> None:
    switch = KillFile(tmp_path / "journal.db.kill")
    switch.add([KillOrder(AllScope(), "1", "looks wrong")])
    with pytest.raises(StoreMissing):
        await unkill(switch, MissingJournal("sqlite:///journal.db"), [AllScope()], (), "all is well", NOW)
    assert [order.scope for order in switch.orders()] == [AllScope()]


def test_the_command_says_so_and_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    write_files(tmp_path, {})
    paused = inside("jobs", "pause", "rent", "-c", tmp_path)
    assert (paused.code, paused.out) == (3, "")
    assert paused.err.startswith("store_missing there is no journal at sqlite:///")
    assert "start the worker once" in paused.err
    assert not (tmp_path / "state").exists()
