"""`sessions rotate`: take the steps that can be taken now, and say where it stands."""

from dataclasses import dataclass
from pathlib import Path

from agent.bootstrap import World
from agent.cli.loading import load_definitions, settings_for
from agent.cli.owner_keys import OwnerKeys
from agent.cli.session_granting import granted, planned
from agent.cli.session_making import clock_times, new_salt
from agent.cli.session_revoking import revoked
from agent.cli.world import with_chains, with_world
from agent.commands.session_edit import jobs_of
from agent.commands.session_grant import SessionRevoked
from agent.commands.session_lint import Surroundings, lint_session, require_fit
from agent.commands.session_need import Wish
from agent.commands.session_new import NewSession, Times, write_sessions
from agent.commands.session_revoke import revoke_calls
from agent.commands.session_rotate import Rotation, Step, new_successor, rotation, successor_of
from agent.commands.session_sound import with_session
from agent.commands.session_usage import session_named
from agent.definitions.records import Definitions
from agent.domain.call import Call
from agent.domain.errors import ConfigError
from agent.settings import Settings


class NoNewKey(ConfigError):
    """A rotation begins with a key."""

    code = "new_key_missing"
    remedy = "make one with sessionkeeper keys new, then: sessionkeeper sessions rotate NAME --key KEY"


@dataclass(frozen=True, slots=True)
class RotateRequest:
    """What the operator asked for."""

    name: str
    key: str | None
    successor: str | None
    wish: Wish
    is_restarted: bool
    """The operator's word that the worker was started since the grant."""
    owner_key: Path | None


@dataclass(frozen=True, slots=True)
class Rotated:
    """Where a rotation stands, with the owner's calls for the next step."""

    rotation: Rotation
    calls: tuple[Call, ...]


def rotated(config: Path | None, request: RotateRequest) -> Rotated:
    """Take every step that can be taken: without the owner's key those of the owner are only planned.

    Raise LintRefused, before anything is written, for a successor that is not fit.
    """
    _make_once(config, request)
    found = _state(config, request)
    owner_key = request.owner_key
    if owner_key is not None and found.step is Step.GRANT and found.successor is not None:
        granted(config, found.successor.name, OwnerKeys(owner_key))
        found = _state(config, request)
    if owner_key is not None and found.step is Step.REVOKE:
        revoked(config, found.old.name, "", owner_key)
        found = _state(config, request)
    return Rotated(found, _calls(config, found))


def _make_once(config: Path | None, request: RotateRequest) -> None:
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    old = session_named(definitions.sessions, request.name)
    if successor_of(definitions.sessions, old.name) is not None:
        return
    if old.revoked_at is not None:
        raise SessionRevoked(f"the session {old.name} was revoked at {old.revoked_at}")
    if request.key is None:
        raise NoNewKey(f"{old.name} has no successor yet")
    times = clock_times(settings, definitions)
    made = new_successor(definitions, old, request.key, request.successor, request.wish, times, new_salt)
    _require_fit(settings, definitions, made, times)
    write_sessions((made,))


def _require_fit(settings: Settings, definitions: Definitions, made: NewSession, times: Times) -> None:
    new = made.definition
    jobs = jobs_of(definitions, str(new.succeeds)).jobs
    around = Surroundings(with_session(definitions, jobs, new))

    async def look(world: World) -> None:
        require_fit(await lint_session(around, new, world.chains[new.chain_id], times.wall_now))

    with_chains(settings, definitions, look)


def _state(config: Path | None, request: RotateRequest) -> Rotation:
    async def look(world: World) -> Rotation:
        old = session_named(world.definitions.sessions, request.name)
        journal = world.services.journal
        return await rotation(world.definitions, world.chains, journal, old, restarted=request.is_restarted)

    return with_world(config, look)


def _calls(config: Path | None, found: Rotation) -> tuple[Call, ...]:
    if found.step is Step.GRANT and found.successor is not None:
        return planned(config, found.successor.name).calls
    return revoke_calls(found.old) if found.step is Step.REVOKE else ()
