import fcntl
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.adapters.kill_file import KillFile
from agent.domain.errors import StoreUnavailable
from agent.domain.hold import AllScope, ChainScope, JobScope, Scope
from agent.domain.kill import KillOrder
from agent.domain.units import ChainId

RENT, GYM = KillOrder(JobScope("rent"), "1", "looks wrong"), KillOrder(JobScope("gym"), "2", "too")


def a_file(folder: Path) -> KillFile:
    return KillFile(folder / "state" / "journal.db.kill")


def scopes(file: KillFile) -> set[Scope]:
    return {order.scope for order in file.orders()}


def test_an_order_is_seen_by_everybody_at_once(tmp_path: Path) -> None:
    worker, command = a_file(tmp_path), a_file(tmp_path)
    assert worker.orders() == ()
    command.add([RENT])
    assert worker.orders() == (RENT,)
    command.add([GYM])
    assert worker.orders() == (RENT, GYM)
    command.remove([RENT.scope])
    assert worker.orders() == (GYM,)
    command.remove([GYM.scope])
    assert worker.orders() == ()


def test_a_scope_that_is_stopped_keeps_its_order(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.add([RENT])
    assert file.add([KillOrder(RENT.scope, "9", "again"), GYM]) == (RENT, GYM)
    assert file.orders() == (RENT, GYM)


def test_a_kill_of_another_kind_takes_its_place(tmp_path: Path) -> None:
    file, cancelling = a_file(tmp_path), replace(RENT, id="3", cancels=True)
    file.add([RENT, GYM])
    assert file.add([cancelling]) == (cancelling,)
    assert file.orders() == (cancelling, GYM)
    assert file.add([replace(RENT, id="4")]) == (replace(RENT, id="4"),)


def test_removing_what_is_not_there_removes_nothing(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.add([RENT])
    assert file.remove([GYM.scope]) == ()
    assert file.remove([GYM.scope, RENT.scope]) == (RENT,)


def test_an_empty_file_made_by_hand_stops_everything(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.place.parent.mkdir()
    file.place.touch()
    assert scopes(file) == {AllScope()}
    file.place.write_text("chain:10 fees\n")
    assert scopes(file) == {ChainScope(ChainId(10))}


def a_link_to_nothing(place: Path) -> None:
    place.symlink_to("nothing")


@pytest.mark.parametrize(
    "make", [Path.mkdir, os.mkfifo, a_link_to_nothing], ids=["folder", "pipe", "dangling link"]
)
def test_what_cannot_be_read_stops_everything(tmp_path: Path, make: Callable[[Path], None]) -> None:
    file = a_file(tmp_path)
    file.place.parent.mkdir()
    make(file.place)
    assert scopes(file) == {AllScope()}


def opened_in(folder: Path) -> list[Path]:
    """Return what this process has open there; other descriptors come and go with other tests' garbage."""
    opened = [descriptor.resolve() for descriptor in Path("/proc/self/fd").iterdir()]
    return [path for path in opened if path.is_relative_to(folder)]


def test_a_folder_in_its_place_uses_up_no_descriptors(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.place.mkdir(parents=True)
    descriptor = os.open(file.place, os.O_RDONLY)
    assert opened_in(tmp_path) == [file.place]
    os.close(descriptor)
    for _ in range(20):
        file.orders()
    assert opened_in(tmp_path) == []


def test_what_was_written_by_hand_stays_one_order_when_another_one_joins(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.place.parent.mkdir()
    file.place.write_text("job:rent the landlord moved\n")
    (by_hand,) = file.orders()
    file.add([GYM])
    assert file.orders() == (by_hand, GYM)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir], ids=["empty", "folder"])
def test_what_is_made_by_hand_again_is_another_order(tmp_path: Path, make: Callable[[Path], None]) -> None:
    file = a_file(tmp_path)
    file.place.parent.mkdir()
    make(file.place)
    file.acknowledge(order.id for order in file.orders())
    file.place.rename(tmp_path / "away")
    assert file.orders() == ()
    make(file.place)
    assert not {order.id for order in file.orders()} & file.acknowledged()


def test_an_acknowledgement_is_of_one_order(tmp_path: Path) -> None:
    worker, command = a_file(tmp_path), a_file(tmp_path)
    command.add([RENT])
    assert command.acknowledged() == frozenset()
    worker.acknowledge(["1"])
    assert command.acknowledged() == {"1"}
    command.remove([RENT.scope])
    assert command.acknowledged() == frozenset()


def test_a_process_that_hangs_keeps_nobody_from_stopping(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.place.parent.mkdir()
    descriptor = os.open(file.place.parent, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    file.add([RENT])
    os.close(descriptor)
    assert file.orders() == (RENT,)


@contextmanager
def a_full_disk() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_takes_an_order_that_stops_everything(tmp_path: Path) -> None:
    file, everything = a_file(tmp_path), KillOrder(AllScope(), "7", "looks wrong")
    with a_full_disk():
        assert [order.scope for order in file.add([everything])] == [AllScope()]
        assert file.add([everything]) == a_file(tmp_path).orders()
    assert scopes(file) == {AllScope()}


def test_a_full_disk_makes_no_order_any_wider(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    with a_full_disk(), pytest.raises(StoreUnavailable, match="cannot be written"):
        file.add([RENT])
    assert file.orders() == ()
    file.add([RENT])
    with a_full_disk(), pytest.raises(StoreUnavailable, match="cannot be written"):
        file.add([KillOrder(AllScope(), "7", "looks wrong")])
    assert file.orders() == (RENT,)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        a_file(tmp_path).add([RENT])
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        a_file(tmp_path).acknowledge(["1"])
