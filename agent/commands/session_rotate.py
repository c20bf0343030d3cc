"""Give the jobs of a session a new key: where the change stands and what comes next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.commands.session_edit import allowing, jobs_of
from agent.commands.session_grant_state import grant_state
from agent.commands.session_need import Wish
from agent.commands.session_new import NewSession, Times, new_sessions, session_key
from agent.commands.session_revoke import in_flight_under, on_module
from agent.definitions.records import Definitions
from agent.definitions.sessions import SessionDefinition
from agent.definitions.succession import lines_of, root
from agent.domain.errors import ConfigError
from agent.domain.occurrence import Occurrence
from agent.domain.units import ChainId, Hash32
from agent.pipeline.context import ChainContext
from agent.ports import Journal
from agent.smart_sessions.signature_decoding import permission_in


class SameKey(ConfigError):
    """The key signs under the old session already."""

    code = "same_session_key"
    remedy = "make another one: sessionkeeper keys new NAME"


class Step(StrEnum):
    """What is to be done next."""

    MAKE = "make"
    GRANT = "grant"
    SWITCH = "switch"
    REVOKE = "revoke"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Rotation:
    """Where a rotation stands."""

    old: SessionDefinition
    successor: SessionDefinition | None
    step: Step
    in_flight: tuple[Occurrence, ...] = ()
    """Runs with an operation of the old key that may still land."""
    not_seen: tuple[str, ...] = ()
    """Jobs that have not signed under the new key yet."""


def successor_of(sessions: Mapping[str, SessionDefinition], name: str) -> SessionDefinition | None:
    """Return the session that took over, if any did."""
    line = lines_of(sessions, [name])[name]
    return line[1] if len(line) > 1 else None


def new_successor(
    definitions: Definitions,
    old: SessionDefinition,
    key_name: str,
    name: str | None,
    wish: Wish,
    times: Times,
    salt: Callable[[], Hash32],
) -> NewSession:
    """Return a session of another key for the same jobs, not written yet.

    Raise SameKey, SessionExists, NotFound (the key) or UnfitSession.
    """
    if session_key(definitions, key_name).name in old.keys:
        raise SameKey(f"the key {key_name} signs under {old.name}")
    draft = replace(jobs_of(definitions, old.name), session=name or _free_name(definitions, old.name))
    headroom = old.headroom if wish.headroom is None else wish.headroom
    wished = replace(wish, headroom=headroom, uses=old.uses if wish.uses is None else wish.uses)
    (made,) = new_sessions(definitions, (draft,), key_name, wished, times, salt)
    # What paid before pays again; the new key changes the signature and nothing else.
    session = replace(made.definition.session, permit_erc4337_paymaster=old.session.permit_erc4337_paymaster)
    allowed = allowing(old, wish.allow_lint, wish.allow_lint_reason)
    definition = replace(
        made.definition,
        session=session,
        smart_session=old.smart_session,
        allow_lint=allowed.allow_lint,
        allow_lint_reason=allowed.allow_lint_reason,
        succeeds=old.name,
    )
    return replace(made, definition=definition)


async def rotation(
    definitions: Definitions,
    chains: Mapping[ChainId, ChainContext],
    journal: Journal,
    old: SessionDefinition,
    *,
    restarted: bool,
) -> Rotation:
    """Return where the rotation stands; raise ChainUnavailable or StoreUnavailable.

    `restarted` is the operator's word that the worker was started since the successor was granted;
    without it only a job's newest signature shows that it has changed over.
    """
    successor = successor_of(definitions.sessions, old.name)
    if successor is None:
        return Rotation(old, None, Step.MAKE)
    reader = chains[old.chain_id].reader
    head = await reader.block("latest")
    if not (await grant_state(reader, successor, head.number)).is_as_in_file:
        return Rotation(old, successor, Step.GRANT)
    if old.revoked_at is not None:
        is_there = (await on_module(reader, old)).is_enabled
        return Rotation(old, successor, Step.REVOKE if is_there else Step.DONE)
    flying = await in_flight_under(journal, old)
    waiting = () if restarted else await _not_seen(definitions, journal, old)
    return Rotation(old, successor, Step.SWITCH if flying or waiting else Step.REVOKE, flying, waiting)


async def _not_seen(definitions: Definitions, journal: Journal, old: SessionDefinition) -> tuple[str, ...]:
    later = {item.permission_id for item in lines_of(definitions.sessions, [old.name])[old.name][1:]}
    named = {name for job in definitions.jobs.values() for name in job.sessions}
    lines = {
        name: {item.name for item in line} for name, line in lines_of(definitions.sessions, named).items()
    }
    mine = sorted(
        job.id for job in definitions.jobs.values() if any(old.name in lines[name] for name in job.sessions)
    )
    return tuple([job_id for job_id in mine if await _newest(journal, job_id) not in later])


async def _newest(journal: Journal, job_id: str) -> Hash32 | None:
    """Return the permission id under which a job signed last."""
    for row in await journal.occurrences(job_id=job_id, newest_first=True):
        operations = await journal.operations(row.id)
        if operations:
            return permission_in(operations[-1].operation.signature)
    return None


def _free_name(definitions: Definitions, name: str) -> str:
    first = root(name, definitions.sessions)
    number = 2
    while f"{first}-{number}" in definitions.sessions:
        number += 1
    return f"{first}-{number}"
