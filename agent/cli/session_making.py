"""`sessions new`: read the job, the time and the randomness it needs."""

import secrets
import time
from pathlib import Path

from agent.bootstrap import World
from agent.cli.loading import load_definitions, settings_for
from agent.cli.world import with_chains
from agent.commands.json_document import DocumentError
from agent.commands.session_need import UnfitSession, Wish
from agent.commands.session_new import NewSession, Times, new_sessions
from agent.definitions.config import ClockKind
from agent.definitions.drafts import read_drafts
from agent.definitions.loader import CONFIG_FILE
from agent.definitions.records import Definitions
from agent.domain.units import Hash32, Timestamp
from agent.settings import Settings


def made_sessions(
    config: Path | None, file: Path, key: str | None, account_kind: str, wish: Wish
) -> tuple[Definitions, tuple[NewSession, ...]]:
    """Return the sessions for a job file, not written yet."""
    settings = settings_for(config or _config_beside(file))
    definitions = load_definitions(settings, with_jobs=False)
    if file.resolve().parent != definitions.root.resolve() / "jobs":
        raise DocumentError(str(file), f"is not in {definitions.root / 'jobs'}")
    drafts = read_drafts(definitions, file.name, account_kind)
    if not drafts:
        raise UnfitSession(f"{file} has no jobs")
    times = _times(settings, definitions)
    return definitions, new_sessions(definitions, drafts, key, wish, times, _salt)


def _config_beside(file: Path) -> Path | None:
    """Return the configuration a job file belongs to, so that its own path is enough."""
    found = file.resolve().parent.parent / CONFIG_FILE
    return found if found.is_file() else None


def _times(settings: Settings, definitions: Definitions) -> Times:
    wall_now = Timestamp(int(time.time()))
    if definitions.clock is ClockKind.WALL:
        return Times(wall_now, wall_now)

    async def chain_now(world: World) -> Timestamp:
        return await world.services.clock.now()

    return Times(with_chains(settings, definitions, chain_now), wall_now)


def _salt() -> Hash32:
    return Hash32(secrets.token_bytes(32))
