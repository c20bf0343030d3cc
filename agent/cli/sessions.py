"""`sessionkeeper sessions`: make, grant and look at sessions."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.arguments import address, text_of
from agent.cli.exit_codes import ExitCode
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json, show_table
from agent.domain.units import UINT256_MAX, Address, ChainId
from agent.erc7579.accounts import ACCOUNT_KINDS

if TYPE_CHECKING:
    from agent.commands.session_usage import SessionUsage
    from agent.commands.session_words import Tokens

app = typer.Typer(help="Make, grant and look at sessions.", no_args_is_help=True)

SessionFile = Annotated[
    str, typer.Argument(metavar="FILE", help="A session as JSON; - reads the standard input.")
]
SessionArgument = Annotated[str, typer.Argument(metavar="NAME", help="The session's name in sessions/.")]
AccountKind = StrEnum("AccountKind", [(name.upper(), name) for name in ACCOUNT_KINDS])  # type: ignore[misc]  # names come from data


class EnableMode(StrEnum):
    """The two ways to enable a session in an operation's signature."""

    ENABLE = "enable"
    UNSAFE_ENABLE = "unsafe-enable"


@app.command("new")
def new_command(
    for_job: Annotated[Path, typer.Option("--for-job", metavar="FILE", help="A file of jobs/.")],
    key: Annotated[
        str | None, typer.Option("--key", help="Whose key signs; the only one if left out.")
    ] = None,
    account_kind: Annotated[
        AccountKind, typer.Option("--account-kind", help="The account's implementation.")
    ] = AccountKind("nexus"),
    periods: Annotated[
        int | None, typer.Option("--periods", min=1, help="Periods to allow; all of them if left out.")
    ] = None,
    headroom: Annotated[
        int | None,
        typer.Option(
            "--headroom", min=0, help="Spare operations: one a retry and one to cancel if left out."
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Derive the least that a job needs, write it to sessions/, and say what a leaked key could cost."""
    from agent.cli.session_documents import new_document
    from agent.cli.session_making import made_sessions
    from agent.commands.session_need import Wish
    from agent.commands.session_new import tokens_on, write_sessions

    definitions, made = made_sessions(config, for_job, key, account_kind, Wish(periods, headroom))
    write_sessions(made)
    if as_json:
        documents = [new_document(new, tokens_on(definitions, new.definition.chain_id)) for new in made]
        show_json({"sessions": documents})
        return
    for new in made:
        show(f"{new.definition.name} {new.definition.permission_id} {new.path}")
        for line in new.words:
            show(f"  {line}")
    say(f"next: sessionkeeper sessions grant {made[0].definition.name}")


@app.command("grant")
def grant_command(
    name: SessionArgument,
    owner_key: Annotated[
        Path | None,
        typer.Option(
            "--owner-key", metavar="FILE", help="The owner's bare key: send it, on chain 31337 alone."
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what the owner's wallet has to call; on the devnet, do it."""
    from agent.cli.session_documents import grant_document, grant_lines
    from agent.cli.session_granting import granted, planned

    plan = planned(config, name) if owner_key is None else granted(config, name, owner_key)
    if as_json:
        show_json(grant_document(plan))
    elif plan.is_enabled:
        say(f"{name} is enabled on {plan.session.account}")
    else:
        if not plan.is_deployed:
            say(f"{plan.session.account} has no code yet: deploy the account first")
        for line in grant_lines(plan):
            show(line)


@app.command("list")
def list_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the sessions of the files."""
    from agent.cli.loading import load_definitions, settings_for
    from agent.cli.session_documents import SESSION_COLUMNS, summary_cells, summary_document

    sessions = load_definitions(settings_for(config), with_jobs=False).sessions.values()
    if as_json:
        show_json({"sessions": [summary_document(session) for session in sessions]})
    else:
        show_table(SESSION_COLUMNS, [summary_cells(session) for session in sessions])


@app.command("show")
def show_command(name: SessionArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Decode a session: what it allows, and what a leaked key could cost."""
    from agent.cli.loading import load_definitions, settings_for
    from agent.cli.session_documents import session_document
    from agent.commands.session_new import tokens_on
    from agent.commands.session_usage import session_named

    definitions = load_definitions(settings_for(config), with_jobs=False)
    session = session_named(definitions.sessions, name)
    document = session_document(session, tokens_on(definitions, session.chain_id))
    if as_json:
        show_json(document)
        return
    for field in ("name", "chain_id", "account", "account_kind", "key", "permission_id", "smart_session"):
        show(f"{field}: {document[field]}")
    for line in document["allows"]:
        show(line)
    show(document["worst_case"]["text"])


@app.command("lint")
def lint_command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The session's name in sessions/.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Look at every session.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is dangerous in a session and what a leaked key could cost; leave with 6 if it is unfit."""
    from agent.cli.session_lint import linted, verdict_document, verdict_lines

    if (name is None) != every:
        raise typer.BadParameter("name one session, or give --all")
    found = linted(config, name)
    if as_json:
        documents = [verdict_document(item) for item in found]
        show_json({"sessions": documents} if every else documents[0])
    else:
        for line in (line for item in found for line in verdict_lines(item)):
            show(line)
    if not all(item.is_fit for item in found):
        raise typer.Exit(ExitCode.REFUSED)


@app.command("usage")
def usage_command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One session; all of them if left out.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read every counter from the chain: used, reserved by operations in flight, limit, remaining."""
    from agent.bootstrap import World
    from agent.cli.loading import load_definitions, settings_for
    from agent.cli.session_documents import usage_document
    from agent.cli.world import with_world
    from agent.commands.session_new import tokens_on
    from agent.commands.session_usage import session_named, session_usage

    if name is not None:
        # Before the store is opened, which may make it.
        session_named(load_definitions(settings_for(config), with_jobs=False).sessions, name)

    async def read(world: World) -> "list[tuple[SessionUsage, Tokens]]":
        files = world.definitions
        names = sorted(files.sessions) if name is None else [name]
        return [
            (
                await session_usage(world.chains[session.chain_id], world.services.journal, session),
                tokens_on(files, session.chain_id),
            )
            for session in (session_named(files.sessions, item) for item in names)
        ]

    found = with_world(config, read, with_jobs=False)
    if as_json:
        documents = [usage_document(usage, tokens) for usage, tokens in found]
        show_json({"sessions": documents} if name is None else documents[0])
    else:
        _show_usage(found)


@app.command("id")
def id_command(file: SessionFile, as_json: JsonOption = False) -> None:
    """Print the permission id of a session in a file."""
    from agent.commands.session_digest import session_in
    from agent.smart_sessions.ids import permission_id

    found = str(permission_id(session_in(text_of(file), file)))
    if as_json:
        show_json({"permission_id": found})
    else:
        show(found)


@app.command("digest")
def digest_command(
    file: SessionFile,
    account: Annotated[Address, typer.Option(parser=address, metavar="ADDRESS", help="The smart account.")],
    nonce: Annotated[str, typer.Option(help="The module's getNonce(permission id, account).")],
    chain_id: Annotated[int, typer.Option(min=1, max=2**64 - 1, help="The chain.")],
    smart_session: Annotated[
        Address, typer.Option(parser=address, metavar="ADDRESS", help="The SmartSession module.")
    ],
    mode: Annotated[EnableMode, typer.Option(help="Which signature will carry it.")] = EnableMode.ENABLE,
    as_json: JsonOption = False,
) -> None:
    """Print the session digest of a session in a file, as the module's getSessionDigest returns it."""
    from agent.commands.session_digest import session_digests, session_in
    from agent.smart_sessions.digest import Mode

    session = session_in(text_of(file), file)
    carried = Mode.ENABLE if mode is EnableMode.ENABLE else Mode.UNSAFE_ENABLE
    found = session_digests(session, account, _uint(nonce), ChainId(chain_id), smart_session, carried)
    if as_json:
        show_json(
            {
                "permission_id": str(found.permission_id),
                "session_digest": str(found.session_digest),
                "multichain_digest": str(found.multichain_digest),
            }
        )
    else:
        show(str(found.session_digest))


def _show_usage(found: "list[tuple[SessionUsage, Tokens]]") -> None:
    from agent.cli.session_documents import USAGE_COLUMNS, usage_cells
    from agent.commands.session_words import date_text

    for usage, tokens in found:
        until = usage.session.expires_at
        ends = "without an end" if until is None else f"until {date_text(until)}"
        show(f"{usage.session.name} at block {usage.block_number}, {ends}")
        show_table(USAGE_COLUMNS, [usage_cells(line, tokens) for line in usage.lines])


def _uint(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a number") from error
    if not 0 <= number <= UINT256_MAX:
        raise typer.BadParameter(f"{text} does not fit into 256 bits")
    return number
