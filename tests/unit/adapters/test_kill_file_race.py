"""A worker reads the kill file at the moment it is let go, and never sees what nobody ordered."""

import os
from pathlib import Path, PosixPath

from agent.adapters.kill_file import KillFile
from agent.domain.hold import JobScope
from agent.domain.kill import KillOrder

RENT = KillOrder(JobScope("rent"), "1", "looks wrong")


class Vanishing(PosixPath):
    """A file that somebody removes right after it was seen."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        found = super().stat(follow_symlinks=follow_symlinks)
        self.unlink()
        return found


def test_a_file_that_is_let_go_while_it_is_read_stops_nothing(tmp_path: Path) -> None:
    place = tmp_path / "state" / "journal.db.kill"
    KillFile(place).add([RENT])
    worker = KillFile(Vanishing(place))
    assert worker.orders() == ()
    KillFile(place).add([RENT])
    assert KillFile(place).orders() == (RENT,)
