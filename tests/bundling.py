"""Have the bundler of the local chain take operations and bundle none, for as long as a test wants."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agent.devnet import rpc
from agent.devnet.devnet import Devnet


@dataclass
class Bundling:
    """Whether the bundler of the local chain bundles what it has."""

    devnet: Devnet
    goes_on: bool = True

    async def go_on(self) -> None:
        """Let it bundle; told twice, it would do so twice at a time from then on."""
        if not self.goes_on:
            await rpc.call(self.devnet.bundler_url, "debug_bundler_setBundlingMode", "auto")
        self.goes_on = True

    async def stop(self) -> None:
        """Have it take operations and bundle none."""
        self.goes_on = False
        await rpc.call(self.devnet.bundler_url, "debug_bundler_setBundlingMode", "manual")


@asynccontextmanager
async def bundling_stopped(devnet: Devnet) -> AsyncIterator[Bundling]:
    """Stop bundling, until the test lets it go on or is over."""
    bundling = Bundling(devnet)
    try:
        await bundling.stop()
        yield bundling
    finally:
        await bundling.go_on()
