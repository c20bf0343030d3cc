"""When watched jobs look again: those that wait for a block or a time cost nothing until then."""

from heapq import heappop, heappush

from agent.domain.watching import Again
from agent.ports import Block


class Agenda:
    """Keeps the newest word of each job; an older one that is still in a heap is passed over."""

    def __init__(self) -> None:
        self._wanted: dict[str, Again] = {}
        self._by_block: list[tuple[int, str]] = []
        self._by_time: list[tuple[int, str]] = []

    def put(self, job_id: str, again: Again) -> None:
        """Take when a job looks again."""
        if again.at_block is None and again.at_time is None:
            self._wanted.pop(job_id, None)
            return
        if self._wanted.get(job_id) == again:
            return
        self._wanted[job_id] = again
        if again.at_block is not None:
            heappush(self._by_block, (again.at_block, job_id))
        if again.at_time is not None:
            heappush(self._by_time, (again.at_time, job_id))

    def due(self, block: Block) -> set[str]:
        """Take out the jobs that look again at this block; each is to be put again."""
        found = {job_id for job_id in _reached(self._by_block, block.number) if self._is_due(job_id, block)}
        found |= {
            job_id for job_id in _reached(self._by_time, block.timestamp) if self._is_due(job_id, block)
        }
        for job_id in found:
            del self._wanted[job_id]
        return found

    def _is_due(self, job_id: str, block: Block) -> bool:
        again = self._wanted.get(job_id)
        if again is None:
            return False
        by_block = again.at_block is not None and again.at_block <= block.number
        return by_block or (again.at_time is not None and again.at_time <= block.timestamp)


def _reached(heap: list[tuple[int, str]], at: int) -> set[str]:
    found = set()
    while heap and heap[0][0] <= at:
        found.add(heappop(heap)[1])
    return found
