"""`sessions revoke`: mark the file, plan the owner's calls, and on the local chain make them."""

from dataclasses import dataclass
from pathlib import Path

from agent.bootstrap import World
from agent.cli.loading import load_definitions, settings_for
from agent.cli.local_owner import local_owner, require_owners
from agent.cli.session_making import clock_times
from agent.cli.world import with_world
from agent.commands.session_revoke import in_flight_under, on_module, require_revoked, revoke_calls
from agent.commands.session_usage import session_named
from agent.definitions.session_store import mark_session_file
from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.occurrence import Occurrence
from agent.domain.units import Timestamp


@dataclass(frozen=True, slots=True)
class Revocation:
    """A session taken back."""

    session: SessionDefinition
    revoked_at: Timestamp
    is_enabled: bool
    """On chain, as it is now."""
    calls: tuple[Call, ...]
    """For the owner; empty once they were made here."""
    in_flight: tuple[Occurrence, ...]
    """Runs that were signed under it and may fail now."""


def revoked(config: Path | None, name: str, reason: str, key_file: Path | None) -> Revocation:
    """Mark a session revoked, so that no job uses it; with a key of the local chain have it removed too.

    Raises NotFound, FileNotMarked, OwnerKeyRefused, NotRevoked, ChainUnavailable, StoreUnavailable.
    """
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    session = session_named(definitions.sessions, name)
    owner = None if key_file is None else local_owner(definitions, session, key_file)
    at = session.revoked_at
    if at is None:
        # First of all: whatever the chain answers, nothing may be signed under it any more.
        at = clock_times(settings, definitions).now
        mark_session_file(definitions.root / session.place.file, "revoked_at", at, reason)

    async def revoke(world: World) -> Revocation:
        reader = world.chains[session.chain_id].reader
        before = await on_module(reader, session)
        calls = revoke_calls(session)
        if owner is not None:
            await require_owners(reader, [owner])
            await owner.send(calls)
            await require_revoked(reader, session, before)
        now = before if owner is None else await on_module(reader, session)
        flying = await in_flight_under(world.services.journal, session)
        return Revocation(session, at, now.is_enabled, calls if owner is None else (), flying)

    return with_world(config, revoke, with_jobs=False)
