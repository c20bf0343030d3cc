"""`sessions status` and `sessions list --from-chain`: what the chains have of sessions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.exit_codes import ExitCode
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show_json, show_table
from agent.domain.units import Address, ChainId

if TYPE_CHECKING:
    from agent.bootstrap import World
    from agent.commands.session_from_chain import SessionsFound
    from agent.commands.session_status import SessionStatus


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("status")(status_command)


def status_command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The session's name in sessions/.")
    ] = None,
    all_chains: Annotated[
        bool, typer.Option("--all-chains", help="Every session of the files, on every chain.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold sessions against their chains; leave with 10 if one differs, has ended or is not enabled."""
    from agent.cli.session_chain_documents import STATUS_COLUMNS, status_cells, status_document, status_lines
    from agent.commands.session_status import NEEDS_SOMEBODY, Condition

    if (name is None) != all_chains:
        raise typer.BadParameter("name one session, or give --all-chains")
    found = _statuses(config, name)
    if as_json:
        show_json({"sessions": [status_document(item) for item in found]})
    else:
        show_table(STATUS_COLUMNS, [status_cells(item) for item in found])
        for line in (line for item in found for line in status_lines(item)):
            say(line)
    conditions = {item.condition for item in found}
    if conditions & NEEDS_SOMEBODY:
        raise typer.Exit(ExitCode.SESSION)
    if Condition.UNREACHABLE in conditions:
        raise typer.Exit(ExitCode.CHAIN)


def show_sessions_on_chain(
    config: Path | None, account: Address | None, chain: int | None, from_block: int, *, as_json: bool
) -> None:
    """Show every session that accounts have enabled, rebuilt from the chain."""
    from agent.cli.session_chain_documents import FOUND_COLUMNS, found_cells, found_document, found_lines

    if (account is None) != (chain is None):
        raise typer.BadParameter("give --account and --chain together, or neither for all of the files")
    only = None if account is None or chain is None else (ChainId(chain), account)
    found = sessions_found(config, only, from_block)
    if as_json:
        show_json({"accounts": [found_document(item) for item in found]})
        return
    rows = [cells for item in found for cells in found_cells(item)]
    show_table(FOUND_COLUMNS, rows)
    for line in (line for item in found for line in found_lines(item)):
        say(line)


def sessions_found(
    config: Path | None, only: tuple[ChainId, Address] | None, from_block: int
) -> "list[SessionsFound]":
    """Return the sessions of one account, or of every account of the files; raises NotFound."""
    from agent.cli.loading import load_definitions, settings_for
    from agent.cli.world import with_chains
    from agent.commands.session_from_chain import sessions_on_chain
    from agent.domain.errors import NotFound

    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=False)
    named = [(item.chain_id, item.account) for item in definitions.sessions.values()]
    wanted = list(dict.fromkeys(named)) if only is None else [only]
    for chain_id, _ in wanted:
        if chain_id not in definitions.chains:
            raise NotFound(f"there is no chain {chain_id} in the files")

    async def read(world: "World") -> "list[SessionsFound]":
        return [
            await sessions_on_chain(world.chains[chain_id].reader, account, definitions, from_block)
            for chain_id, account in wanted
        ]

    return with_chains(settings, definitions, read)


def _statuses(config: Path | None, name: str | None) -> "tuple[SessionStatus, ...]":
    from agent.cli.loading import load_definitions, settings_for
    from agent.cli.world import with_world
    from agent.commands.session_status import session_statuses
    from agent.commands.session_usage import session_named

    # Before the store is opened, which may make it.
    files = load_definitions(settings_for(config), with_jobs=False).sessions
    listed = list(files.values()) if name is None else [session_named(files, name)]

    async def read(world: "World") -> "tuple[SessionStatus, ...]":
        return await session_statuses(world.chains, world.services.journal, listed)

    return with_world(config, read, with_jobs=False)
