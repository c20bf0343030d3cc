"""What `sessions release` lets go, and what it does not."""

from pathlib import Path
from typing import Any, cast

import pytest

from agent.adapters.memory import MemoryJournal
from agent.commands import session_release
from agent.commands.session_release import release_session, scope_of
from agent.domain.errors import NotFound
from agent.domain.hold import Hold
from agent.domain.kill import ACKNOWLEDGED, CANCELLING, KILLED
from agent.pipeline.context import ChainContext
from tests.builders import NOW
from tests.unit.definitions.files import load_files

NO_CHAIN = cast(ChainContext, cast(Any, None))
"""Nothing of it is asked."""


async def nothing_differs(_chain: object, _session: object) -> list[str]:
    return []


async def test_a_release_lets_no_kill_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_release, "_what_differs", nothing_differs)
    (session,), journal = load_files(tmp_path).sessions.values(), MemoryJournal()
    for code in (KILLED, CANCELLING, ACKNOWLEDGED, "foreign_use"):
        await journal.hold(Hold(scope_of(session), code, "looks wrong", NOW))

    async def release() -> list[str]:
        gone = await release_session(
            journal, NO_CHAIN, session, NOW, reason="it was us", although_it_differs=False
        )
        return [hold.code for hold in gone]

    assert await release() == ["foreign_use"]
    assert {hold.code for hold in await journal.holds()} == {KILLED, CANCELLING, ACKNOWLEDGED}
    with pytest.raises(NotFound, match="unkill --session"):
        await release()
