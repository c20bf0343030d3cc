"""From head to head over a chain that jumps, forks and shrinks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.errors import ChainUnavailable
from agent.domain.keccak import keccak256
from agent.domain.units import Hash32, Timestamp, Wei
from agent.ports import NO_PARENT, Block, ChainReader
from agent.worker.head_walk import HeadWalk, Moved


@dataclass
class Fork:
    """A chain by the name of the fork that made each block; its reader counts what it is asked."""

    names: list[str] = field(default_factory=lambda: ["genesis"])
    asked: list[int] = field(default_factory=list)
    with_parents: bool = True

    def at(self, number: int) -> Block:
        parent = self.hash_of(number - 1) if number and self.with_parents else NO_PARENT
        return Block(number, self.hash_of(number), Timestamp(number), Wei(0), parent)

    def hash_of(self, number: int) -> Hash32:
        return Hash32(keccak256("/".join(self.names[: number + 1]).encode()))

    @property
    def head(self) -> Block:
        return self.at(len(self.names) - 1)

    def grow(self, count: int, name: str = "main") -> Block:
        self.names += [name] * count
        return self.head

    def fork(self, ancestor: int, count: int, name: str) -> Block:
        del self.names[ancestor + 1 :]
        return self.grow(count, name)

    async def block(self, tag: int) -> Block:
        self.asked.append(tag)
        if tag >= len(self.names):
            raise ChainUnavailable(f"no block {tag}")
        return self.at(tag)


def walking(chain: Fork, most: int = 256) -> HeadWalk:
    reader: Any = chain
    as_port: ChainReader = reader
    return HeadWalk(as_port, most=most)


async def test_child_after_child_reads_nothing() -> None:
    chain = Fork()
    walk = walking(chain)
    assert (walk.newest, await walk.to(chain.head)) == (-1, Moved(chain.head, None))

    for _ in range(5):
        assert await walk.to(chain.grow(1)) == Moved(chain.head, None)

    assert await walk.to(chain.head) is None
    assert (walk.newest, chain.asked) == (5, [])


async def test_the_headers_of_a_gap_are_walked() -> None:
    chain = Fork()
    walk = walking(chain)
    await walk.to(chain.grow(10))

    assert await walk.to(chain.grow(40)) == Moved(chain.head, None)
    assert sorted(chain.asked) == list(range(11, 50))

    chain.asked.clear()
    # The blocks in the gap are known, so the reorg is found where it began.
    assert await walk.to(chain.fork(33, 20, "other")) == Moved(chain.head, 33)


@pytest.mark.parametrize("depth", [1, 2, 5, 64, 200])
async def test_the_common_ancestor_of_a_reorg_is_found(depth: int) -> None:
    chain = Fork()
    walk = walking(chain)
    for _ in range(250):
        await walk.to(chain.grow(1))

    assert await walk.to(chain.fork(250 - depth, depth, "other")) == Moved(chain.head, 250 - depth)
    assert len(chain.asked) <= 2 * depth
    assert await walk.to(chain.grow(1)) == Moved(chain.head, None)


async def test_a_chain_that_shrank_is_a_reorg() -> None:
    chain = Fork()
    walk = walking(chain)
    for _ in range(9):
        await walk.to(chain.grow(1))

    assert await walk.to(chain.fork(6, 0, "")) == Moved(chain.head, 6)
    assert await walk.to(chain.grow(1, "other")) == Moved(chain.head, None)


async def test_a_gap_too_long_to_walk_is_crossed_by_what_is_remembered() -> None:
    chain = Fork()
    walk = walking(chain, most=16)
    for _ in range(10):
        await walk.to(chain.grow(1))

    assert await walk.to(chain.grow(1_000)) == Moved(chain.head, None)
    assert len(chain.asked) <= 2

    chain.asked.clear()
    assert await walk.to(chain.fork(4, 2_000, "other")) == Moved(chain.head, 4)
    assert len(chain.asked) <= 6


async def test_where_nothing_remembered_stands_the_ancestor_is_below_it() -> None:
    chain = Fork()
    walk = walking(chain, most=8)
    await walk.to(chain.grow(50))
    await walk.to(chain.grow(1))

    assert await walk.to(chain.fork(10, 60, "other")) == Moved(chain.head, 49)


async def test_a_chain_that_changes_under_the_walk_is_walked_again() -> None:
    chain = Fork()
    walk = walking(chain)
    for _ in range(10):
        await walk.to(chain.grow(1))
    head = chain.grow(10)
    chain.fork(5, 20, "other")

    with pytest.raises(ChainUnavailable, match="replaced"):
        await walk.to(head)

    assert walk.newest == 10
    assert await walk.to(chain.head) == Moved(chain.head, 5)


async def test_headers_without_parents_are_compared_by_their_hashes() -> None:
    chain = Fork(with_parents=False)
    walk = walking(chain)
    for _ in range(10):
        assert await walk.to(chain.grow(1)) == Moved(chain.head, None)

    assert await walk.to(chain.fork(7, 5, "other")) == Moved(chain.head, 7)


STEPS = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 12)), min_size=1, max_size=12)


@given(STEPS)
async def test_any_reorgs_are_told_as_they_were(steps: Sequence[tuple[int, int]]) -> None:
    chain = Fork()
    walk = walking(chain, most=64)
    await walk.to(chain.grow(1))
    for turn, (depth, count) in enumerate(steps):
        before = len(chain.names) - 1
        ancestor = max(before - depth, 1)
        head = chain.fork(ancestor, count, f"fork {turn}")

        assert await walk.to(head) == Moved(head, None if ancestor == before else ancestor)
