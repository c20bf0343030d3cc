"""Chain time that moves on to where a payment waits for it: a resend after half a minute takes no time."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from agent.devnet import chain
from tests.acceptance.stage import POLL_S, Stage

LANDED = frozenset({"included_ok", "included_fail", "final_ok"})
SENT_AGAIN_WITHIN_S = 3.0
"""What waited is sent by then; moved on at once again, it would soon be so old that its fees are raised."""


@asynccontextmanager
async def hurrying(slot: str, *stages: Stage) -> AsyncIterator[None]:
    """Let no payment of this slot wait for chain time as long as the block runs."""
    task = asyncio.create_task(_hurry(slot, stages))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _hurry(slot: str, stages: Sequence[Stage]) -> None:
    moved = {stage.folder: -SENT_AGAIN_WITHIN_S for stage in stages}
    while True:
        for stage in stages:
            if time.monotonic() > moved[stage.folder] + SENT_AGAIN_WITHIN_S and await _moved_on(stage, slot):
                moved[stage.folder] = time.monotonic()
        await asyncio.sleep(POLL_S)


async def _moved_on(stage: Stage, slot: str) -> bool:
    """Move to what the slot waits for; False when it waits for nothing."""
    row = stage.row(slot)
    if row is None or row.state in LANDED:
        return False
    waits_s = row.not_before - await chain.block_time(stage.devnet)
    if waits_s <= 0:
        return False
    # By so much, not up to there: meanwhile the chain may have come there, and it never goes back.
    await chain.increase_time(stage.devnet, waits_s)
    return True
