"""Compare the rows of the journal with what its hash chain says they are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from agent.adapters.journal.audit_counting import CountingAudit
from agent.adapters.journal.audit_rows import RowAudit
from agent.adapters.journal.claim import CLAIMED, claimed_states
from agent.adapters.journal.fire import FIRED
from agent.adapters.journal.holding import HOLD, RELEASE
from agent.domain.errors import StoreDamaged
from agent.domain.hold import Hold
from agent.domain.journal import JournalEntry
from agent.domain.units import Hash32


@dataclass(slots=True)
class Audit:
    """What the entries told so far, and what no row has answered for yet."""

    _states: dict[int, str] = field(default_factory=dict)
    _operations: dict[str, str] = field(default_factory=dict)
    _holds: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Whether each is active, by scope and code."""
    _spent: dict[str, int] = field(default_factory=dict)
    counting: CountingAudit = field(default_factory=CountingAudit)
    rows: RowAudit = field(default_factory=RowAudit)

    def watch(self, entries: Iterable[JournalEntry]) -> Iterator[JournalEntry]:
        """Pass the entries on and remember what they say."""
        for entry in entries:
            yield entry
            self.rows.take(entry)
            if entry.event != FIRED:
                self.counting.take(entry)
            if entry.event == CLAIMED:
                self._states |= claimed_states(entry.data)
            if entry.event in (HOLD, RELEASE):
                data = orjson.loads(entry.data)
                self._holds[data["scope"], data["code"]] = entry.event == HOLD
            if entry.occurrence_id is None:
                continue
            self._states[entry.occurrence_id] = entry.to_state
            # The facts of a firing have names of the kind's own.
            if entry.event != FIRED:
                self._told(entry.data)

    def _told(self, text: str) -> None:
        if '"operation"' in text:
            data = orjson.loads(text)
            self._operations[data["user_op_hash"]] = data["operation"]
        if '"spent"' in text:
            for key, amount in orjson.loads(text).get("spent", {}).items():
                self._spent[key] = self._spent.get(key, 0) + int(amount)

    def operation(self, user_op_hash: Hash32, digest: str) -> None:
        """Check a signed operation's row; raise StoreDamaged."""
        if self._operations.pop(str(user_op_hash), None) != digest:
            raise StoreDamaged(f"the journal is damaged: the row of operation {user_op_hash} was changed")

    def occurrence(self, occurrence_id: int, state: str) -> None:
        """Check an occurrence's row; raise StoreDamaged."""
        told = self._states.pop(occurrence_id, None)
        if told != state:
            raise StoreDamaged(f"the journal is damaged: run {occurrence_id} is {state}, not {told}")

    def hold(self, hold: Hold) -> None:
        """Check a hold's row; raise StoreDamaged."""
        if self._holds.pop((str(hold.scope), hold.code), None) is not hold.active:
            raise StoreDamaged(f"the journal is damaged: the hold {hold.code} of {hold.scope} was changed")

    def spent(self, limit_key: str, amount: int) -> None:
        """Check what was spent of a limit that the agent counts itself; raise StoreDamaged."""
        told = self._spent.pop(limit_key, 0)
        if told != amount:
            raise StoreDamaged(
                f"the journal is damaged: {amount} is spent of {limit_key}, the entries say {told}"
            )

    def finish(self) -> None:
        """Check that no row is missing; raise StoreDamaged."""
        self.counting.finish()
        self.rows.finish()
        if self._operations:
            raise StoreDamaged("the journal is damaged: operations and entries disagree")
        if self._holds:
            scope, code = min(self._holds)
            raise StoreDamaged(f"the journal is damaged: the hold {code} of {scope} is missing")
        if self._spent:
            raise StoreDamaged(f"the journal is damaged: what was spent of {min(self._spent)} is missing")
        if self._states:
            raise StoreDamaged(f"the journal is damaged: run {min(self._states)} is missing")
