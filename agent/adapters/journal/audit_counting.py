"""Compare what is kept of sessions' counters with the hash chain: what was burned, and where epochs begin."""

from dataclasses import dataclass, field

import orjson

from agent.adapters.journal.holding import WATCH
from agent.domain.errors import StoreDamaged
from agent.domain.hold import Epoch, FailedUse
from agent.domain.journal import JournalEntry
from agent.domain.journal_step import UNCOUNTS

_UNCOUNTING = frozenset(event.value for event in UNCOUNTS)
Use = tuple[str, str]
"""Operation and limit key."""


@dataclass(slots=True)
class CountingAudit:
    """What the entries told so far, and what no row has answered for yet."""

    _uses: dict[Use, tuple[int, int]] = field(default_factory=dict)
    """Amount and block."""
    _failed: dict[int, str] = field(default_factory=dict)
    """The operation that an occurrence was last seen to fail with."""
    _epochs: dict[str, dict[int, tuple[int, str]]] = field(default_factory=dict)
    """First block and enable nonce, by session and number."""

    def take(self, entry: JournalEntry) -> None:
        """Remember what an entry says."""
        if entry.event == WATCH:
            for session, number, block, nonce in orjson.loads(entry.data)["sessions"]:
                earlier = self._epochs.get(session, {})
                kept = {known: told for known, told in earlier.items() if known < number}
                self._epochs[session] = kept | {number: (block, nonce)}
        if entry.occurrence_id is None:
            return
        if '"failed_uses"' in entry.data:
            self._take_failure(entry.occurrence_id, entry.data)
        elif entry.event in _UNCOUNTING:
            undone = self._failed.pop(entry.occurrence_id, None)
            self._uses = {use: told for use, told in self._uses.items() if use[0] != undone}

    def _take_failure(self, occurrence_id: int, text: str) -> None:
        data = orjson.loads(text)
        inclusion = data["inclusion"]
        operation = inclusion["user_op_hash"]
        self._failed[occurrence_id] = operation
        for limit_key, amount in data["failed_uses"].items():
            self._uses[operation, limit_key] = int(amount), inclusion["block_number"]

    def failed_use(self, use: FailedUse) -> None:
        """Check a row of what a failed operation used; raise StoreDamaged."""
        if self._uses.pop((str(use.user_op_hash), use.limit_key), None) != (use.amount, use.block):
            what = f"what operation {use.user_op_hash} burned of {use.limit_key}"
            raise StoreDamaged(f"the journal is damaged: {what} was changed")

    def epoch(self, epoch: Epoch) -> None:
        """Check a row of since when a session counts anew; raise StoreDamaged."""
        told = self._epochs.get(str(epoch.session), {}).pop(epoch.number, None)
        if told != (epoch.from_block, str(epoch.enable_nonce)):
            raise StoreDamaged(f"the journal is damaged: epoch {epoch.number} of {epoch.session} was changed")

    def finish(self) -> None:
        """Check that no row is missing; raise StoreDamaged."""
        if self._uses:
            operation, limit_key = min(self._uses)
            what = f"what operation {operation} burned of {limit_key}"
            raise StoreDamaged(f"the journal is damaged: {what} is missing")
        for session, epochs in self._epochs.items():
            if epochs:
                raise StoreDamaged(f"the journal is damaged: epoch {min(epochs)} of {session} is missing")
