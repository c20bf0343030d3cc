"""The blocks that were judged, and what their jobs remembered before: what a reorg takes back."""

from collections.abc import Iterable, Mapping

from agent.domain.firing import TriggerRow
from agent.domain.units import Hash32
from agent.domain.watching import Memory
from agent.ports import Block, ChainReader

MOST_BLOCKS = 4_096
"""Judged blocks that are remembered where finality does not move."""


class Judged:
    """Judged blocks above the final one, oldest first, and the memories they changed."""

    def __init__(self) -> None:
        self._blocks: list[tuple[int, Hash32]] = []
        self._before: dict[str, list[tuple[int, Memory]]] = {}
        """By job: the memory before each block that changed it, oldest first."""

    @property
    def last(self) -> tuple[int, Hash32] | None:
        """Number and hash of the newest one."""
        return self._blocks[-1] if self._blocks else None

    @property
    def oldest_block(self) -> int:
        """The number of the oldest one, which was final when it was last asked what is."""
        return self._blocks[0][0] if self._blocks else 0

    def add(self, number: int, block_hash: Hash32, before: Mapping[str, Memory]) -> None:
        """Take a judged block, the newest, and what the jobs it changed remembered before."""
        self._blocks.append((number, block_hash))
        for job_id, memory in before.items():
            self._before.setdefault(job_id, []).append((number, memory))
        if len(self._blocks) > MOST_BLOCKS:
            self.forget_to(self._blocks[-MOST_BLOCKS // 2][0])

    def oldest(self, job_id: str, memory: Memory) -> Memory:
        """Return what a job remembered at the newest final block, if it remembers `memory` now."""
        earlier = self._before.get(job_id)
        return earlier[0][1] if earlier else memory

    def settle(self, job_id: str) -> None:
        """Let no reorg take back what a job remembers."""
        self._before.pop(job_id, None)

    def forget_to(self, number: int) -> list[str]:
        """Forget what came before a final block, but for the newest judged one up to it.

        Return the jobs of which nothing can be taken back any more, and could before.
        """
        settled = []
        below = [one for one in self._blocks if one[0] <= number]
        self._blocks = below[-1:] + self._blocks[len(below) :]
        for job_id, earlier in list(self._before.items()):
            kept = [one for one in earlier if one[0] > number]
            if kept:
                self._before[job_id] = kept
            else:
                del self._before[job_id]
                settled.append(job_id)
        return settled

    async def common_ancestor(self, reader: ChainReader) -> int:
        """Return the newest judged block still on the chain, 0 without any; raises ChainUnavailable."""
        for number, block_hash in reversed(self._blocks):
            if (await reader.block(number)).hash == block_hash:
                return number
        return 0

    def roll_back(self, ancestor: int) -> dict[str, Memory]:
        """Forget the blocks above a number; return what the jobs that they changed remembered before."""
        self._blocks = [one for one in self._blocks if one[0] <= ancestor]
        found: dict[str, Memory] = {}
        for job_id, earlier in list(self._before.items()):
            undone = [memory for number, memory in earlier if number > ancestor]
            if undone:
                found[job_id] = undone[0]
                self._before[job_id] = earlier[: len(earlier) - len(undone)]
        return found


def standing_above(
    final: Block, rows: Iterable[TriggerRow], standing: set[Hash32 | None]
) -> dict[tuple[int, Hash32], dict[str, Memory]]:
    """Return what jobs remembered before the blocks that an earlier run judged and a reorg may still take."""
    found: dict[tuple[int, Hash32], dict[str, Memory]] = {}
    for seen in (row.seen for row in rows):
        if seen.block_hash is not None and seen.block_hash in standing and seen.block_number > final.number:
            before = found.setdefault((seen.block_number, seen.block_hash), {})
            if seen.kept != seen.memory:
                before[seen.job_id] = seen.kept
    return found
