"""`sessions grant` of many: plan each account's batch, and on the local chain carry it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.bootstrap import DEVNET, World
from agent.cli.loading import load_definitions, settings_for
from agent.cli.local_owner import LocalOwner, local_owners, require_owners
from agent.cli.owner_keys import OwnerKeys
from agent.cli.session_granting import require_fit_to_grant
from agent.cli.world import with_chains
from agent.commands.session_batch import AccountBatch, batches
from agent.commands.session_grant import GrantPlan, SessionOver, plan_grant, require_granted
from agent.commands.session_usage import session_named
from agent.definitions.sessions import SessionDefinition


@dataclass(frozen=True, slots=True)
class Batches:
    """What every account has to do, and which sessions nobody needs any more."""

    accounts: tuple[AccountBatch, ...]
    skipped: Mapping[str, str]
    """Why, by name of the session."""


def batched(config: Path | None, names: Sequence[str] | None, keys: OwnerKeys) -> Batches:
    """Return the batches; with keys do them first. No names stand for every session not revoked or over."""
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    chosen = _chosen(definitions.sessions, names)
    owners = local_owners(definitions, chosen, keys) if keys else {}

    async def work(world: World) -> Batches:
        found = await _planned(world, chosen, lenient=names is None)
        for plan in (plan for batch in found.accounts for plan in batch.pending):
            await require_fit_to_grant(definitions, plan, world.chains[plan.session.chain_id])
        if not owners:
            return found
        await require_owners(world.chains[DEVNET].reader, owners.values())
        for batch in found.accounts:
            await _carry_out(world, batch, owners[batch.account])
        return await _planned(world, chosen, lenient=names is None)

    return with_chains(settings, definitions, work)


async def _carry_out(world: World, batch: AccountBatch, owner: LocalOwner) -> None:
    if batch.calls:
        await owner.send(batch.calls)
    for plan in batch.pending:
        await require_granted(world.chains[batch.chain_id].reader, plan.session)


def _chosen(
    sessions: Mapping[str, SessionDefinition], names: Sequence[str] | None
) -> tuple[SessionDefinition, ...]:
    if names is not None:
        return tuple(session_named(sessions, name) for name in dict.fromkeys(names))
    return tuple(sessions[name] for name in sorted(sessions) if sessions[name].revoked_at is None)


async def _planned(world: World, chosen: Sequence[SessionDefinition], *, lenient: bool) -> Batches:
    plans: list[GrantPlan] = []
    skipped: dict[str, str] = {}
    for session in chosen:
        try:
            plans.append(await plan_grant(world.chains[session.chain_id], session))
        except SessionOver as error:
            if not lenient:
                raise
            skipped[session.name] = str(error)
    return Batches(batches(plans), skipped)
