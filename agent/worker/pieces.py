"""Work through many items and let others have their turn in between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

ItemT = TypeVar("ItemT")


async def in_pieces(items: Sequence[ItemT], size: int) -> AsyncIterator[ItemT]:
    """Yield the items; every `size` of them the event loop goes round once."""
    for place, item in enumerate(items, 1):
        yield item
        if place % size == 0:
            await asyncio.sleep(0)
