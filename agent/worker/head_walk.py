"""From one head of a chain to the next: which blocks came, and which of those seen before are gone."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from agent.domain.errors import ChainUnavailable
from agent.domain.units import Hash32
from agent.ports import NO_PARENT, Block, ChainReader

MOST_WALKED = 256
"""Headers, of a gap as of a reorg."""
READ_AT_ONCE = 32


class Moved(NamedTuple):
    """A new head, and the newest block that its chain shares with the head before."""

    head: Block
    ancestor: int | None
    """The shared block's number where blocks seen before are gone; None where none is."""


@dataclass(frozen=True, slots=True)
class Trail:
    """Blocks that were seen on one chain, by number; there may be gaps."""

    hashes: Mapping[int, Hash32]

    @property
    def newest(self) -> int:
        """The number of the head."""
        return max(self.hashes)

    @property
    def oldest(self) -> int:
        """The lowest number that is remembered."""
        return min(self.hashes)

    def joined_by(self, block: Block) -> int | None:
        """Return the number of the seen block that this one is, or stands on; None when it does neither."""
        if self.hashes.get(block.number) == block.hash:
            return block.number
        if self.hashes.get(block.number - 1) == block.parent_hash:
            return block.number - 1
        return None

    def to(self, blocks: Iterable[Block], ancestor: int, most: int) -> "Trail":
        """Return the trail with the blocks above `ancestor` replaced by these, the newest `most` of it."""
        kept = {number: seen for number, seen in self.hashes.items() if number <= ancestor}
        kept |= {block.number: block.hash for block in blocks}
        return Trail({number: kept[number] for number in sorted(kept)[-most:]})


class HeadWalk:
    """Follows a chain from head to head."""

    def __init__(self, reader: ChainReader, *, most: int = MOST_WALKED) -> None:
        """Take a reader of the chain; no more than `most` headers are read for a step, or remembered."""
        self._reader = reader
        self._most = most
        self._trail: Trail | None = None

    @property
    def newest(self) -> int:
        """The number of the head that it stands at; -1 before the first."""
        return -1 if self._trail is None else self._trail.newest

    async def to(self, head: Block) -> Moved | None:
        """Take the step to this head; None when it is the one before.

        A gap is filled with the headers in it. Of one that is too long for that the ancestor is the newest
        shared block that is remembered; where none is, the one below all that are remembered. Raises
        ChainUnavailable, also when the chain changed meanwhile: the next step starts from the old head.
        """
        trail = self._trail
        if trail is None:
            self._trail = Trail({head.number: head.hash})
            return Moved(head, None)
        if trail.hashes[trail.newest] == head.hash:
            return None
        walked, ancestor = await self._walked(trail, head)
        self._trail = trail.to(walked, ancestor, self._most)
        return Moved(head, None if ancestor == trail.newest else ancestor)

    async def _walked(self, trail: Trail, head: Block) -> tuple[list[Block], int]:
        """Return the blocks read on the way down from the head, and where they meet the trail."""
        walked = [head]
        ancestor = trail.joined_by(head)
        # A gap longer than what may be read is not begun with.
        most = self._most if head.number - trail.newest <= self._most else 0
        deeper = 1
        while ancestor is None and len(walked) <= most and walked[-1].number > trail.oldest:
            in_gap = walked[-1].number - trail.newest - 1
            for block in await self._below(walked[-1], min(in_gap if in_gap > 0 else deeper, READ_AT_ONCE)):
                walked.append(block)
                ancestor = trail.joined_by(block)
                if ancestor is not None:
                    break
            deeper *= 1 if in_gap > 0 else 2
        return walked, await self._newest_shared(trail, head) if ancestor is None else ancestor

    async def _newest_shared(self, trail: Trail, head: Block) -> int:
        """Look for the newest remembered block that still stands: those below it stand too."""
        numbers = sorted(number for number in trail.hashes if number <= head.number)
        shared, gone, looked_at = 0, len(numbers), len(numbers) - 1
        while shared < gone:
            number = numbers[looked_at]
            if (await self._reader.block(number)).hash == trail.hashes[number]:
                shared = looked_at + 1
            else:
                gone = looked_at
            looked_at = (shared + gone) // 2
        if (await self._reader.block(head.number)).hash != head.hash:
            raise ChainUnavailable(f"block {head.number} was replaced while those below were read")
        return numbers[shared - 1] if shared else max(trail.oldest - 1, 0)

    async def _below(self, block: Block, count: int) -> list[Block]:
        """Return so many blocks below one, the newest first, each the parent of the one before."""
        numbers = range(block.number - 1, max(block.number - 1 - count, -1), -1)
        found = await asyncio.gather(*(self._reader.block(number) for number in numbers))
        for child, parent in zip([block, *found], found, strict=False):
            if child.parent_hash not in (NO_PARENT, parent.hash):
                raise ChainUnavailable(f"block {parent.number} was replaced while it was read")
        return found
