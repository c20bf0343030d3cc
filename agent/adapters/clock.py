"""Wall time, and chain time for the devnet."""

import asyncio
import time

from agent.domain.units import Timestamp
from agent.ports import ChainReader


class WallClock:
    """The machine's clock."""

    async def now(self) -> Timestamp:
        """Return seconds since 1970, rounded down."""
        return Timestamp(int(time.time()))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class ChainClock:
    """The time of the newest block: on the devnet, time moves when the chain's does."""

    def __init__(self, chain: ChainReader) -> None:
        self._chain = chain

    async def now(self) -> Timestamp:
        """Return the newest block's timestamp; raises ChainUnavailable."""
        return (await self._chain.block("latest")).timestamp

    async def sleep(self, seconds: float) -> None:
        """Wait in wall time: chain time may jump at any moment."""
        await asyncio.sleep(seconds)
