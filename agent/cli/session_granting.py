"""`sessions grant`: plan it, and on the local chain carry it out."""

import time
from dataclasses import dataclass
from pathlib import Path

from agent.bootstrap import DEVNET, World
from agent.cli.loading import load_definitions, settings_for
from agent.cli.world import with_chains
from agent.commands.json_document import DocumentError
from agent.commands.session_grant import GrantPlan, plan_grant, require_granted
from agent.commands.session_lint import Surroundings, lint_session, require_fit
from agent.commands.session_usage import session_named
from agent.definitions.records import ChainDefinition, Definitions
from agent.definitions.sessions import SessionDefinition
from agent.devnet.accounts import SmartAccount, address_of, send_as_owner
from agent.domain.errors import Refused
from agent.domain.units import Address, ChainId, Timestamp, bytes_from_hex
from agent.erc7579.accounts import ACCOUNT_KINDS
from agent.pipeline.context import ChainContext
from agent.telemetry.secrets import REDACTOR


class OwnerKeyRefused(Refused):
    """The agent takes an owner's key on the local chain alone."""

    code = "owner_key_refused"
    remedy = "leave --owner-key out and let the owner's wallet make the calls"


@dataclass(frozen=True, slots=True)
class LocalNode:
    """The node that takes the owner's operation."""

    rpc_url: str
    entry_point: Address
    chain_id: ChainId


def planned(config: Path | None, name: str) -> GrantPlan:
    """Return what is left to do for a session."""
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    session = session_named(definitions.sessions, name)

    async def plan(world: World) -> GrantPlan:
        chain = world.chains[session.chain_id]
        planned = await plan_grant(chain, session)
        await _require_fit(definitions, session, chain)
        return planned

    return with_chains(settings, definitions, plan)


def granted(config: Path | None, name: str, key_file: Path) -> GrantPlan:
    """Grant by an operation of the owner, compare the chain with the file, and return the plan now done."""
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    session = session_named(definitions.sessions, name)
    if session.chain_id != DEVNET:
        raise OwnerKeyRefused(
            f"an owner's key is taken on chain {DEVNET} alone, this is chain {session.chain_id}"
        )
    account = _owner_account(session, key_file)
    node = _node(definitions.chains[session.chain_id])

    async def grant(world: World) -> GrantPlan:
        chain = world.chains[session.chain_id]
        plan = await plan_grant(chain, session)
        # Enabling anew would add, and start the counters from zero.
        if not plan.is_enabled:
            await _require_fit(definitions, session, chain)
            await send_as_owner(node, account, plan.calls)
            await require_granted(chain.reader, session)
        return await plan_grant(chain, session)

    return with_chains(settings, definitions, grant)


async def _require_fit(definitions: Definitions, session: SessionDefinition, chain: ChainContext) -> None:
    wall_now = Timestamp(int(time.time()))
    require_fit(await lint_session(Surroundings(definitions), session, chain, wall_now))


def _owner_account(session: SessionDefinition, key_file: Path) -> SmartAccount:
    try:
        secret = bytes_from_hex(key_file.read_text("ascii").strip())
        REDACTOR.register(secret)
        kind = ACCOUNT_KINDS[session.account_kind]
        return SmartAccount(session.account, address_of(secret), secret, kind)
    except (OSError, ValueError):
        # The cause is dropped: it may quote the secret.
        raise DocumentError(str(key_file), "is no file with 0x and 64 hex digits") from None


def _node(chain: ChainDefinition) -> LocalNode:
    return LocalNode(chain.rpc_urls[0].get_secret_value(), chain.entry_point, chain.chain_id)
