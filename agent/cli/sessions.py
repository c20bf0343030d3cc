"""`sessionkeeper sessions`: make, grant and look at sessions."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import (
    sessions_chain,
    sessions_cover,
    sessions_lifecycle,
    sessions_release,
    sessions_signing,
    sessions_usage,
)
from agent.cli.arguments import address, text_of
from agent.cli.exit_codes import ExitCode
from agent.cli.options import (
    AllowLintOption,
    ConfigOption,
    JsonOption,
    LintReasonOption,
    UntilOption,
    UsesOption,
)
from agent.cli.output import say, show, show_json, show_table
from agent.cli.owner_keys import OwnerKeys, owner_keys
from agent.domain.units import UINT256_MAX, Address, ChainId
from agent.erc7579.accounts import ACCOUNT_KINDS

app = typer.Typer(help="Make, grant and look at sessions.", no_args_is_help=True)

SessionFile = Annotated[
    str, typer.Argument(metavar="FILE", help="A session as JSON; - reads the standard input.")
]
SessionArgument = Annotated[str, typer.Argument(metavar="NAME", help="The session's name in sessions/.")]
SessionsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="NAME...", help="The sessions' names in sessions/.")
]
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
    uses: UsesOption = None,
    until: UntilOption = None,
    allow_lint: AllowLintOption = None,
    reason: LintReasonOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Derive the least that a job needs, write it to sessions/, and say what a leaked key could cost.

    Nothing is written that the lint rules refuse or that does not cover its jobs: leave with 6.
    """
    from agent.cli.session_documents import new_document
    from agent.cli.session_lint import finding_line
    from agent.cli.session_making import made_sessions
    from agent.cli.session_wishes import wish_of
    from agent.commands.session_new import tokens_on, write_sessions

    wish = wish_of(periods, headroom, allow_lint, reason, uses, until)
    made = made_sessions(config, for_job, key, account_kind, wish)
    write_sessions(made.sessions)
    if as_json:
        documents = [
            new_document(new, tokens_on(made.definitions, new.definition.chain_id)) for new in made.sessions
        ]
        show_json({"sessions": documents})
        return
    for new, verdict in zip(made.sessions, made.verdicts, strict=True):
        show(f"{new.definition.name} {new.definition.permission_id} {new.path}")
        allowed = (finding_line(verdict, finding) for finding in verdict.findings if finding.allowed)
        for line in (*new.words, *allowed):
            show(f"  {line}")
    say(f"next: sessionkeeper sessions grant {made.sessions[0].definition.name}")


@app.command("grant")
def grant_command(
    names: SessionsArgument = None,
    every: Annotated[bool, typer.Option("--all", help="Grant every session that is not revoked.")] = False,
    owner_key: Annotated[
        list[str] | None,
        typer.Option(
            "--owner-key",
            metavar="[ACCOUNT=]FILE",
            help="The owner's bare key: send it, on chain 31337 alone. Once for each owner.",
        ),
    ] = None,
    typed_data: sessions_signing.TypedDataOption = False,
    with_init_data: sessions_signing.InitDataOption = False,
    out: sessions_signing.OutOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what the owner's wallet has to call or to sign; on the devnet, call it."""
    from agent.cli.sessions_lifecycle import grant_many

    if typed_data or with_init_data:
        if (every, owner_key, typed_data and with_init_data) != (False, None, False):
            raise typer.BadParameter("--typed-data and --init-data stand alone, with the sessions' names")
        sessions_signing.grant_without_transaction(config, names, out, with_init_data=with_init_data)
        return
    if out is not None:
        raise typer.BadParameter("--out goes with --typed-data or --init-data")
    if (not names) != every:
        raise typer.BadParameter("name sessions, or give --all")
    keys = owner_keys(owner_key)
    if not names or len(names) > 1:
        grant_many(config, names, keys, as_json=as_json)
        return
    _grant_one(config, names[0], keys, as_json=as_json)


def _grant_one(config: Path | None, name: str, keys: OwnerKeys, *, as_json: bool) -> None:
    from agent.cli.session_documents import grant_document, grant_lines
    from agent.cli.session_granting import granted, planned

    plan = granted(config, name, keys) if keys else planned(config, name)
    if as_json:
        show_json(grant_document(plan))
    elif plan.is_granted:
        say(f"{name} is enabled on {plan.session.account}")
    else:
        if not plan.is_deployed:
            say(f"{plan.session.account} has no code yet: deploy the account first")
        for line in grant_lines(plan):
            show(line)


@app.command("list")
def list_command(
    from_chain: Annotated[
        bool, typer.Option("--from-chain", help="Ask the chain, and rebuild each session from it.")
    ] = False,
    account: Annotated[
        Address | None,
        typer.Option(parser=address, metavar="ADDRESS", help="Of this account, in the files or not."),
    ] = None,
    chain: Annotated[int | None, typer.Option("--chain", min=1, help="The account's chain.")] = None,
    from_block: Annotated[
        int, typer.Option("--from-block", min=0, help="Look for the granting transactions from here on.")
    ] = 0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the sessions of the files, or every session that accounts have enabled."""
    if from_chain:
        sessions_chain.show_sessions_on_chain(config, account, chain, from_block, as_json=as_json)
        return
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


sessions_chain.register(app)
sessions_cover.register(app)
sessions_lifecycle.register(app)
sessions_release.register(app)
sessions_signing.register(app)
sessions_usage.register(app)


def _uint(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a number") from error
    if not 0 <= number <= UINT256_MAX:
        raise typer.BadParameter(f"{text} does not fit into 256 bits")
    return number
