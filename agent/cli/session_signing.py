"""Granting by one signature: ask for it, take it in, and say which ones are still good."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agent.bootstrap import World
from agent.cli.loading import load_definitions, settings_for
from agent.cli.world import with_chains
from agent.commands.enable_import import Imported, imported
from agent.commands.enable_request import EnableRequest, enable_request
from agent.commands.enable_store import KeptSignature, keep, kept_signatures
from agent.commands.json_document import DocumentError
from agent.commands.session_init_data import InitData, init_data_of
from agent.commands.session_lint import Surroundings, lint_session, require_fit
from agent.commands.session_usage import session_named
from agent.definitions.records import Definitions
from agent.definitions.sessions import SessionDefinition
from agent.domain.units import Timestamp, bytes_from_hex
from agent.telemetry.secrets import REDACTOR

LONGEST_SIGNATURE = 64 * 1024


def requested(config: Path | None, names: Sequence[str]) -> tuple[Definitions, EnableRequest]:
    """Return the files and what the owner is to sign; sessions that the rules refuse are not asked for."""
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    sessions = _named(definitions, names)

    async def ask(world: World) -> EnableRequest:
        request = await enable_request(world.chains, sessions)
        await _require_fit(world, definitions, sessions)
        return request

    return definitions, with_chains(settings, definitions, ask)


def taken_in(
    config: Path | None, names: Sequence[str], signature: bytes
) -> tuple[tuple[Imported, Path], ...]:
    """Check the owner's signature on chain and keep it beside each session."""
    REDACTOR.register(signature.hex())
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    sessions = _named(definitions, names)

    async def take(world: World) -> tuple[Imported, ...]:
        found = await imported(world.chains, await enable_request(world.chains, sessions), signature)
        signed = {item.session.name: item.session for item in found}
        around = replace(definitions, sessions={**definitions.sessions, **signed})
        await _require_fit(world, around, tuple(signed.values()))
        return found

    found = with_chains(settings, definitions, take)
    return tuple((item, keep(definitions.root, item.session, item.enable)) for item in found)


def kept(config: Path | None) -> tuple[KeptSignature, ...]:
    """Return every enable signature of the files."""
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)

    async def look(world: World) -> tuple[KeptSignature, ...]:
        names = sorted(definitions.sessions)
        sessions = [definitions.sessions[name] for name in names]
        root = definitions.root
        found = [await kept_signatures(world.chains[item.chain_id], root, item) for item in sessions]
        return tuple(item for listed in found for item in listed)

    return with_chains(settings, definitions, look)


def init_data(config: Path | None, names: Sequence[str]) -> InitData:
    """Return how the sessions come with the module's installation; those that the rules refuse do not."""
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    sessions = _named(definitions, names)

    async def check(world: World) -> InitData:
        await _require_fit(world, definitions, sessions)
        return init_data_of(sessions)

    return with_chains(settings, definitions, check)


def signature_in(text: str, source: str) -> bytes:
    """Read 0x-hex; raise DocumentError without quoting it."""
    try:
        found = bytes_from_hex(text.strip())
    except ValueError:
        found = b""
    if not 0 < len(found) <= LONGEST_SIGNATURE:
        raise DocumentError(source, "holds no signature: 0x and hex digits")
    return found


def _named(definitions: Definitions, names: Sequence[str]) -> tuple[SessionDefinition, ...]:
    return tuple(session_named(definitions.sessions, name) for name in dict.fromkeys(names))


async def _require_fit(world: World, definitions: Definitions, sessions: Sequence[SessionDefinition]) -> None:
    around, wall_now = Surroundings(definitions), Timestamp(int(time.time()))
    for session in sessions:
        require_fit(await lint_session(around, session, world.chains[session.chain_id], wall_now))
