"""`sessions new`: read the job, the time and the randomness it needs."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from agent.bootstrap import World
from agent.cli.loading import load_definitions, settings_for
from agent.cli.world import with_chains
from agent.commands.json_document import DocumentError
from agent.commands.session_lint import Verdict
from agent.commands.session_need import UnfitSession, Wish
from agent.commands.session_new import NewSession, Times, new_sessions
from agent.commands.session_sound import require_sound
from agent.definitions.config import ClockKind
from agent.definitions.drafts import read_drafts
from agent.definitions.loader import CONFIG_FILE
from agent.definitions.records import Definitions
from agent.domain.units import Hash32, Timestamp
from agent.settings import Settings


@dataclass(frozen=True, slots=True)
class Made:
    """The sessions for a job file, not written yet."""

    definitions: Definitions
    sessions: tuple[NewSession, ...]
    verdicts: tuple[Verdict, ...]
    """Of each, by its file alone: all of them fit."""


def made_sessions(config: Path | None, file: Path, key: str | None, account_kind: str, wish: Wish) -> Made:
    """Make the sessions for a job file; raise NotCovered or LintRefused for one that is not sound."""
    settings = settings_for(config or config_beside(file))
    definitions = load_definitions(settings, with_jobs=False)
    if file.resolve().parent != definitions.root.resolve() / "jobs":
        raise DocumentError(str(file), f"is not in {definitions.root / 'jobs'}")
    drafts = read_drafts(definitions, file.name, account_kind)
    if not drafts:
        raise UnfitSession(f"{file} has no jobs")
    times = clock_times(settings, definitions)
    sessions = new_sessions(definitions, drafts, key, wish, times, new_salt)
    return Made(definitions, sessions, require_sound(definitions, drafts, sessions, wish, times.now))


def config_beside(file: Path) -> Path | None:
    """Return the configuration a job file belongs to, so that its own path is enough."""
    found = file.resolve().parent.parent / CONFIG_FILE
    return found if found.is_file() else None


def clock_times(settings: Settings, definitions: Definitions) -> Times:
    """Return the times by which sessions are made; raise ChainUnavailable."""
    wall_now = Timestamp(int(time.time()))
    if definitions.clock is ClockKind.WALL:
        return Times(wall_now, wall_now)

    async def chain_now(world: World) -> Timestamp:
        return await world.services.clock.now()

    return Times(with_chains(settings, definitions, chain_now), wall_now)


def new_salt() -> Hash32:
    """Return a salt that nobody had before."""
    return Hash32(secrets.token_bytes(32))
