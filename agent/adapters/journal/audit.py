"""Compare the rows of the journal with what its hash chain says they are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from agent.adapters.journal.claim import CLAIMED, claimed_states
from agent.domain.errors import StoreUnavailable
from agent.domain.journal import JournalEntry
from agent.domain.units import Hash32


@dataclass(slots=True)
class Audit:
    """What the entries told so far, and what no row has answered for yet."""

    _states: dict[int, str] = field(default_factory=dict)
    _operations: dict[str, str] = field(default_factory=dict)

    def watch(self, entries: Iterable[JournalEntry]) -> Iterator[JournalEntry]:
        """Pass the entries on and remember what they say."""
        for entry in entries:
            yield entry
            if entry.event == CLAIMED:
                self._states |= claimed_states(entry.data)
            if entry.occurrence_id is None:
                continue
            self._states[entry.occurrence_id] = entry.to_state
            if '"operation"' in entry.data:
                data = orjson.loads(entry.data)
                self._operations[data["user_op_hash"]] = data["operation"]

    def operation(self, user_op_hash: Hash32, digest: str) -> None:
        """Check a signed operation's row; raise StoreUnavailable."""
        if self._operations.pop(str(user_op_hash), None) != digest:
            raise StoreUnavailable(f"the journal is damaged: the row of operation {user_op_hash} was changed")

    def occurrence(self, occurrence_id: int, state: str) -> None:
        """Check an occurrence's row; raise StoreUnavailable."""
        told = self._states.pop(occurrence_id, None)
        if told != state:
            raise StoreUnavailable(f"the journal is damaged: run {occurrence_id} is {state}, not {told}")

    def finish(self) -> None:
        """Check that no row is missing; raise StoreUnavailable."""
        if self._operations:
            raise StoreUnavailable("the journal is damaged: operations and entries disagree")
        if self._states:
            raise StoreUnavailable(f"the journal is damaged: run {min(self._states)} is missing")
