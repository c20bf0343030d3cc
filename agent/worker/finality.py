"""Watch that what was final stays so: a reorg past finality stops its chain until a person has looked."""

from collections.abc import Iterator, Sequence

import structlog

from agent.domain.hold import ChainScope, Hold
from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.change import change_of
from agent.pipeline.context import ChainContext, Services
from agent.ports import Block

log = structlog.get_logger()
FINALITY_BROKEN = "finality_broken"
ENDED = (State.FINAL_OK, State.FAILED, State.CANCELLED)
LOOKED_AT = 1_000
"""So many of the newest runs that ended are held against the chain at the start and after a break."""
MOST_LOOKED_AT = 64_000
"""So many are, while not one that still stands was found among them."""
RECENT_S = 3_600
"""Whatever their number, so are those that ended within this before the last one."""


class FinalityWatch:
    """Remembers the newest final block and asks, whenever finality moved, whether it still stands."""

    def __init__(self, services: Services, chain: ChainContext) -> None:
        self._services = services
        self._chain = chain
        self._final: Block | None = None

    async def look(self) -> tuple[Occurrence, ...]:
        """Return the runs that ended in blocks which left the chain, now held; raises ChainUnavailable.

        The chain is held before them: nothing more leaves for it.
        """
        final, before = await self._chain.agreed.finalized(), self._final
        # A node that is behind says nothing about what it does not have.
        if before is not None and final.number < before.number:
            return ()
        undone = await self._compared(before, final)
        # Last: a break that could not be looked at, or not be written down, is found again at the next look.
        self._final = final
        return undone

    async def _compared(self, before: Block | None, final: Block) -> tuple[Occurrence, ...]:
        if before is None:
            return await self._undone(final, "the newest runs of the journal ended in")
        standing = final
        if final.number > before.number:
            standing = await self._chain.agreed.block(before.number)
        if standing.hash == before.hash:
            return ()
        await self._stop(f"block {before.number} {before.hash} was final and left the chain")
        return await self._undone(final, "they ended in")

    async def _undone(self, final: Block, what: str) -> tuple[Occurrence, ...]:
        undone: list[tuple[Occurrence, Inclusion]] = []
        for row, inclusion in await self._ended(final):
            standing = await self._chain.agreed.block(inclusion.block_number)
            if standing.hash == inclusion.block_hash:
                # So do all blocks below.
                break
            undone.append((row, inclusion))
        if not undone:
            return ()
        told = ", ".join(str(inclusion.block_number) for _, inclusion in undone[:10])
        await self._stop(f"{what} blocks that left the chain: {told}")
        return tuple([await self._hold(row) for row, _ in undone])

    async def _ended(self, final: Block) -> list[tuple[Occurrence, Inclusion]]:
        """Return what ended at or below a final block, the highest first; a node behind knows no more."""
        rows = await self._newest(final)
        if rows:
            # A run that waited for long has an old number, and may be the last that ended.
            since = Timestamp(max(row.updated_at for row in rows) - RECENT_S)
            rows = (*rows, *await self._rows(since=since))
        found = {row.id: (row, inclusion) for row, inclusion in _included(rows, final)}
        return sorted(found.values(), key=lambda item: item[1].block_number, reverse=True)

    async def _newest(self, final: Block) -> tuple[Occurrence, ...]:
        """Return the newest runs, so many that the lowest of their blocks stands."""
        limit = LOOKED_AT
        while True:
            rows = await self._rows(limit=limit, newest_first=True)
            if len(rows) < limit or await self._reaches_what_stands(rows, final):
                return rows
            if limit >= MOST_LOOKED_AT:
                log.warning("finality_look_cut", chain=self._chain.reader.chain_id, looked_at=limit)
                return rows
            limit *= 4

    async def _reaches_what_stands(self, rows: Sequence[Occurrence], final: Block) -> bool:
        blocks = [inclusion for _, inclusion in _included(rows, final)]
        if not blocks:
            return False
        lowest = min(blocks, key=lambda inclusion: inclusion.block_number)
        return (await self._chain.agreed.block(lowest.block_number)).hash == lowest.block_hash

    async def _rows(
        self, *, limit: int | None = None, newest_first: bool = False, since: Timestamp | None = None
    ) -> tuple[Occurrence, ...]:
        journal, mine = self._services.journal, self._chain.reader.chain_id
        return await journal.occurrences(
            ENDED, limit=limit, newest_first=newest_first, chain_id=mine, since=since
        )

    async def _stop(self, reason: str) -> None:
        scope, now = ChainScope(self._chain.reader.chain_id), await self._services.clock.now()
        await self._services.journal.hold(Hold(scope, FINALITY_BROKEN, reason, now))
        log.error("finality_broken", chain=self._chain.reader.chain_id, reason=reason)

    async def _hold(self, row: Occurrence) -> Occurrence:
        reason = "the block it ended in left the chain although it was final: look what the chain has now"
        now = await self._services.clock.now()
        change = change_of(row, Event.DEEP_REORG, now, code=FINALITY_BROKEN, reason=reason)
        return await self._services.journal.record(change)


def _included(rows: Sequence[Occurrence], final: Block) -> Iterator[tuple[Occurrence, Inclusion]]:
    """Yield those that ended in a block up to the final one, with where it was."""
    for row in rows:
        if row.inclusion is not None and row.inclusion.block_number <= final.number:
            yield row, row.inclusion
