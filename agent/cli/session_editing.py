"""`sessions edit`: read what it needs, write the file, plan the owner's batch."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.bootstrap import World
from agent.cli.arguments import text_of
from agent.cli.loading import load_definitions, settings_for
from agent.cli.local_owner import local_owner, require_owners
from agent.cli.owner_keys import OwnerKeys
from agent.cli.session_granting import granted, require_fit_to_grant
from agent.cli.session_making import clock_times
from agent.cli.world import with_chains
from agent.commands.enable_store import kept_signatures, void_call
from agent.commands.json_document import DocumentError
from agent.commands.session_digest import session_in
from agent.commands.session_edit import (
    NoJobs,
    SessionEdit,
    allowing,
    edit,
    jobs_of,
    rederived,
    rewritten,
    write_edit,
)
from agent.commands.session_grant import GrantPlan, SessionRevoked, plan_grant
from agent.commands.session_need import Wish
from agent.commands.session_new import Times, tokens_on
from agent.commands.session_sound import require_edit_covers, with_session
from agent.commands.session_usage import session_named
from agent.commands.session_words import Tokens
from agent.definitions.records import Definitions
from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.job import JobDefinition
from agent.pipeline.context import ChainContext


@dataclass(frozen=True, slots=True)
class EditRequest:
    """What the operator asked for."""

    name: str
    wish: Wish
    for_job: Path | None
    source: str | None
    """A session document in place of what the jobs need."""
    is_trial: bool
    """Whether nothing is to be written."""
    owner_key: Path | None
    although_not_covered: bool = False
    """Whether its jobs may lose what they could still do."""


@dataclass(frozen=True, slots=True)
class Edited:
    """An edit, where the old file went, and what is left for the owner to do."""

    edit: SessionEdit
    kept: Path | None
    """None when nothing was written."""
    plan: GrantPlan
    tokens: Tokens
    voids: tuple[Call, ...] = ()
    """What ends a signature that could still enable the session as it was."""

    @property
    def calls(self) -> tuple[Call, ...]:
        """The owner's batch; empty when the chain has the session already."""
        return self.voids if self.plan.is_granted else (*self.voids, *self.plan.calls)


def edited(config: Path | None, request: EditRequest) -> Edited:
    """Edit a session; with a key of the local chain have its owner replace the old one too.

    Raise LintRefused or EditNotCovered for one that is not sound, OwnerKeyRefused for a key that is not its
    owner's: before anything is written.
    """
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    before = session_named(definitions.sessions, request.name)
    if before.revoked_at is not None:
        raise SessionRevoked(f"the session {before.name} was revoked at {before.revoked_at}")
    times = clock_times(settings, definitions)
    jobs = _jobs(definitions, before, request)
    after = _after(definitions, before, jobs, request, times)
    made = edit(definitions, before, after)
    tokens = tokens_on(definitions, before.chain_id)
    owner = None if request.owner_key is None else local_owner(definitions, before, request.owner_key)

    async def plan(world: World) -> Edited:
        chain = world.chains[after.chain_id]
        if owner is not None:
            await require_owners(chain.reader, [owner])
        planned = await plan_grant(chain, after)
        if not planned.is_granted:
            await require_fit_to_grant(with_session(definitions, jobs, after), planned, chain)
        return Edited(made, None, planned, tokens, await _voids(chain, definitions.root, made))

    found = with_chains(settings, definitions, plan)
    if request.is_trial:
        return found
    if made.is_change:
        found = replace(found, kept=write_edit(made))
    # Also without a change: an earlier edit may have ended before the owner's batch.
    return found if request.owner_key is None else _carried_out(config, definitions, found, request.owner_key)


def _carried_out(config: Path | None, definitions: Definitions, found: Edited, owner_key: Path) -> Edited:
    before = found.edit.before
    if found.voids:
        asyncio.run(local_owner(definitions, before, owner_key).send(found.voids))
    return replace(found, plan=granted(config, before.name, OwnerKeys(owner_key)), voids=())


async def _voids(chain: ChainContext, root: Path, made: SessionEdit) -> tuple[Call, ...]:
    # Those of earlier edits too: their owner may not have made that batch yet.
    kept = await kept_signatures(chain, root, made.before)
    ended = [item for item in kept if made.is_change or item.is_set_aside]
    return (void_call(made.before),) if any(item.state.still_works for item in ended) else ()


def _jobs(
    definitions: Definitions, before: SessionDefinition, request: EditRequest
) -> tuple[JobDefinition, ...]:
    files = None if request.for_job is None else [_job_file(definitions, request.for_job)]
    try:
        return jobs_of(definitions, before.name, files).jobs
    except NoJobs:
        if request.source is None:
            raise
        return ()


def _after(
    definitions: Definitions,
    before: SessionDefinition,
    jobs: Sequence[JobDefinition],
    request: EditRequest,
    times: Times,
) -> SessionDefinition:
    wish = request.wish
    allowed = allowing(before, wish.allow_lint, wish.allow_lint_reason)
    if request.source is None:
        after = rederived(definitions, allowed, jobs, wish, times)
    else:
        after = rewritten(allowed, session_in(text_of(request.source), request.source), times)
    if not request.although_not_covered:
        require_edit_covers(definitions, after, jobs, times.now, wish.periods)
    return after


def _job_file(definitions: Definitions, file: Path) -> str:
    if file.resolve().parent != definitions.root.resolve() / "jobs":
        raise DocumentError(str(file), f"is not in {definitions.root / 'jobs'}")
    return file.name
