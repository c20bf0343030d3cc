"""`sessions usage`: every counter, of one session or of all."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.exit_codes import exit_code
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json, show_table

if TYPE_CHECKING:
    from agent.bootstrap import World
    from agent.commands.session_usage import SessionUsage, UsageFound
    from agent.commands.session_words import Tokens


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("usage")(usage_command)


def usage_command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One session; all of them if left out.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read every counter from the chain: used, reserved by operations in flight, limit, remaining."""
    from agent.cli.session_documents import usage_found_document

    found = _found(config, name)
    if name is not None and (error := found[0][0].error) is not None:
        raise error
    if as_json:
        documents = [usage_found_document(item, tokens) for item, tokens in found]
        show_json({"sessions": documents} if name is None else documents[0])
    else:
        for item, tokens in found:
            if item.usage is None:
                say(f"{item.session.name}: {item.problem}")
            else:
                _show(item.usage, tokens)
    _leave([item for item, _ in found])


def _found(config: Path | None, name: str | None) -> "list[tuple[UsageFound, Tokens]]":
    from agent.cli.loading import load_definitions, settings_for
    from agent.cli.world import with_world
    from agent.commands.session_new import tokens_on
    from agent.commands.session_usage import session_named, usage_found

    if name is not None:
        # Before the store is opened, which may make it.
        session_named(load_definitions(settings_for(config), with_jobs=False).sessions, name)

    async def read(world: "World") -> "list[tuple[UsageFound, Tokens]]":
        files = world.definitions
        names = sorted(files.sessions) if name is None else [name]
        sessions = [session_named(files.sessions, item) for item in names]
        return [
            (
                await usage_found(world.chains[item.chain_id], world.services.journal, item),
                tokens_on(files, item.chain_id),
            )
            for item in sessions
        ]

    return with_world(config, read, with_jobs=False)


def _show(usage: "SessionUsage", tokens: "Tokens") -> None:
    from agent.cli.session_documents import USAGE_COLUMNS, usage_cells
    from agent.commands.session_words import until_text

    until = until_text(usage.session.expires_at)
    ends = "without an end" if until is None else f"until {until}"
    show(f"{usage.session.name} at block {usage.block_number}, epoch {usage.epoch}, {ends}")
    show_table(USAGE_COLUMNS, [usage_cells(line, tokens) for line in usage.lines])


def _leave(found: "list[UsageFound]") -> None:
    # One that was taken back, or waits for its first operation, has no counters to read.
    wanted = [item for item in found if item.session.revoked_at is None and item.session.enable is None]
    error = next((item.error for item in wanted if item.error is not None), None)
    if error is not None:
        raise typer.Exit(exit_code(error))
