"""`sessions grant`: plan it, and on the local chain carry it out."""

import time
from dataclasses import replace
from pathlib import Path

from agent.bootstrap import World
from agent.cli.loading import load_definitions, settings_for
from agent.cli.local_owner import local_owners, require_owners
from agent.cli.owner_keys import OwnerKeys
from agent.cli.world import with_chains
from agent.commands.session_grant import GrantPlan, plan_grant, require_granted
from agent.commands.session_lint import Surroundings, lint_session, require_fit
from agent.commands.session_usage import session_named
from agent.definitions.records import Definitions
from agent.domain.units import Timestamp
from agent.pipeline.context import ChainContext

DIFFERS_ON_CHAIN = "L25"


def planned(config: Path | None, name: str) -> GrantPlan:
    """Return what is left to do for a session."""
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    session = session_named(definitions.sessions, name)

    async def plan(world: World) -> GrantPlan:
        chain = world.chains[session.chain_id]
        planned = await plan_grant(chain, session)
        await require_fit_to_grant(definitions, planned, chain)
        return planned

    return with_chains(settings, definitions, plan)


def granted(config: Path | None, name: str, keys: OwnerKeys) -> GrantPlan:
    """Grant by an operation of the owner, compare the chain with the file, and return the plan now done."""
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    session = session_named(definitions.sessions, name)
    (owner,) = local_owners(definitions, [session], keys).values()

    async def grant(world: World) -> GrantPlan:
        chain = world.chains[session.chain_id]
        await require_owners(chain.reader, [owner])
        plan = await plan_grant(chain, session)
        # Enabling anew would add, and start the counters from zero.
        if not plan.is_granted:
            await require_fit_to_grant(definitions, plan, chain)
            await owner.send(plan.calls)
            await require_granted(chain.reader, session)
        return await plan_grant(chain, session)

    return with_chains(settings, definitions, grant)


async def require_fit_to_grant(definitions: Definitions, plan: GrantPlan, chain: ChainContext) -> None:
    """Hold a session against the lint rules before it is granted; raise LintRefused."""
    wall_now = Timestamp(int(time.time()))
    session = plan.session
    if plan.remove is not None:
        # That the chain has another session is what the grant is about to mend.
        session = replace(session, allow_lint=(*session.allow_lint, DIFFERS_ON_CHAIN))
    require_fit(await lint_session(Surroundings(definitions), session, chain, wall_now))
