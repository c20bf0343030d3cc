"""Workers that take up what the one before left, and die: one after the other, each at a point of its own."""

import signal

from tests.acceptance.crash_points import CrashPoint
from tests.acceptance.stage import Stage, dying_worker


async def died(stage: Stage, point: CrashPoint, where: str = "") -> None:
    """Let one worker die at a point; raise AssertionError when it ends in any other way."""
    with dying_worker(stage, point) as dying:
        code = await dying.end()
    assert code == -signal.SIGKILL, f"{where} {point}: ended with {code}: {stage.log[-3000:]}"


async def died_in_turn(stage: Stage, slot: str, *deaths: tuple[CrashPoint, str]) -> None:
    """Let one worker after the other die; each leaves the slot in the state beside its point."""
    for point, state in deaths:
        await died(stage, point, slot)
        assert stage.is_in(slot, state), f"{point} left {stage.summary}"
