"""Whose turn it is: bundlers hold few operations of one account, so its jobs take turns, first come first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.units import ChainId, Timestamp
from agent.erc4337.bundler_actions import SENDER_CAP
from agent.worker.board import Board, Sender

PLACE_S = 120
"""How long a place is kept: an operation that is stuck longer delays its own job alone. Also how long a turn
waits for a run that does not ask for it any more."""
ON_ITS_WAY = frozenset({State.PLANNED, State.SIGNED, State.SENT})


@dataclass(slots=True)
class _Line:
    """The places of one account, and who waits for one."""

    places: dict[int, Timestamp] = field(default_factory=dict)
    """By run: since when it has its place."""
    waiting: dict[int, Timestamp] = field(default_factory=dict)
    """By run, first come first: when it asked last."""
    at_work: set[int] = field(default_factory=set)
    """Runs that are being prepared or sent this moment."""


class Turns:
    """Hands out places; one event loop asks, so nothing here waits."""

    def __init__(self, board: Board, caps: Mapping[ChainId, int]) -> None:
        """Take how many operations of one account may be on their way at once, by chain."""
        self._board = board
        self._caps = caps
        self._lines: dict[Sender, _Line] = {}

    def take(self, occurrence: Occurrence, now: Timestamp) -> bool:
        """Say whether the run may be worked on now; if so it has its place until it is seen on chain."""
        line = self._line(occurrence, now)
        self._tidy(line, now)
        if occurrence.id not in line.places:
            line.waiting[occurrence.id] = now
            free = self._caps.get(occurrence.chain_id, SENDER_CAP) - len(line.places)
            if occurrence.id not in islice(line.waiting, max(free, 0)):
                return False
            del line.waiting[occurrence.id]
            line.places[occurrence.id] = now
        line.at_work.add(occurrence.id)
        return True

    def done(self, occurrence: Occurrence) -> None:
        """Note that the step is over: a run that sent nothing gives its place back."""
        line = self._lines[occurrence.chain_id, occurrence.account]
        line.at_work.discard(occurrence.id)
        if occurrence.state not in ON_ITS_WAY:
            line.places.pop(occurrence.id, None)

    def _line(self, occurrence: Occurrence, now: Timestamp) -> _Line:
        sender = occurrence.chain_id, occurrence.account
        if sender not in self._lines:
            # What an earlier worker sent has places too.
            rows = self._board.of_sender(sender)
            self._lines[sender] = _Line({row.id: now for row in rows if row.state in ON_ITS_WAY})
        return self._lines[sender]

    def _tidy(self, line: _Line, now: Timestamp) -> None:
        for run, since in tuple(line.places.items()):
            if run not in line.at_work and (now > since + PLACE_S or not self._is_on_its_way(run)):
                del line.places[run]
        while line.waiting:
            first = next(iter(line.waiting))
            if now <= line.waiting[first] + PLACE_S:
                return
            del line.waiting[first]

    def _is_on_its_way(self, run: int) -> bool:
        row = self._board.get(run)
        return row is not None and row.state in ON_ITS_WAY
