"""A journal that is not there yet: it reads as empty, and takes nothing that would be lost."""

from collections.abc import Sequence

from agent.adapters.journal.command import Arm
from agent.adapters.memory.journal import MemoryJournal
from agent.domain.errors import ConfigError
from agent.domain.firing import Firing, Seen
from agent.domain.hold import Epoch, Hold, Scope
from agent.domain.journal import Change, Enrolment, JobRow
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.units import ChainId, Timestamp


class StoreMissing(ConfigError):
    """A command would write into a store that no worker has made yet."""

    code = "store_missing"
    remedy = "start the worker once, or correct `store` (SESSIONKEEPER_STORE_URL): only the worker makes it"


class MissingJournal(MemoryJournal):
    """Empty; every method that writes raises StoreMissing."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place

    def _refusal(self) -> StoreMissing:
        return StoreMissing(f"there is no journal at {self._place} yet; nothing was changed")

    async def enroll(self, jobs: Sequence[Enrolment], at: Timestamp) -> tuple[JobRow, ...]:
        raise self._refusal()

    async def claim_due(self, now: Timestamp, limit: int, arm: Arm) -> tuple[Occurrence, ...]:
        raise self._refusal()

    async def fire(self, firings: Sequence[Firing], at: Timestamp) -> tuple[Occurrence | None, ...]:
        raise self._refusal()

    async def remember(self, seen: Sequence[Seen]) -> None:
        raise self._refusal()

    async def record(self, change: Change) -> Occurrence:
        raise self._refusal()

    async def append(self, signed: SignedOperation, change: Change) -> tuple[Occurrence, JournaledOperation]:
        raise self._refusal()

    async def pause(self, job_id: str, reason: str, at: Timestamp) -> JobRow:
        raise self._refusal()

    async def resume(self, job_id: str, at: Timestamp) -> JobRow:
        raise self._refusal()

    async def doubt(self, job_id: str, until: Timestamp, reason: str, at: Timestamp) -> JobRow:
        raise self._refusal()

    async def hold(self, hold: Hold) -> Hold:
        raise self._refusal()

    async def release_hold(
        self, scope: Scope, code: str, reason: str, at: Timestamp, *, accepted: bool = False
    ) -> Hold:
        raise self._refusal()

    async def watch(self, chain_id: ChainId, swept_to: int, epochs: Sequence[Epoch], at: Timestamp) -> None:
        raise self._refusal()
