"""`sessions import` and `signatures`, and the forms of `grant` that need no transaction of the owner."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.arguments import text_of
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json, show_table

if TYPE_CHECKING:
    from agent.commands.enable_request import EnableRequest
    from agent.commands.enable_store import KeptSignature
    from agent.commands.session_init_data import InitData
    from agent.definitions.records import Definitions

NamesArgument = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Every session that was signed for.")
]
TypedDataOption = Annotated[
    bool, typer.Option("--typed-data", help="Write the message that the owner's wallet signs instead.")
]
InitDataOption = Annotated[
    bool, typer.Option("--init-data", help="Write what installs the module with the sessions instead.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where to write the document; else stdout.")
]
COLUMNS = ("SESSION", "CHAIN", "STATE", "TO REVOKE: THE ACCOUNT CALLS", "WITH")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("import")(import_command)
    app.command("signatures")(signatures_command)


def grant_without_transaction(
    config: Path | None, names: Sequence[str] | None, out: Path | None, *, with_init_data: bool
) -> None:
    """Write the message to sign, or the module's init data."""
    if not names:
        raise typer.BadParameter("name the sessions")
    if with_init_data:
        from agent.cli.session_signing import init_data

        _put(_init_data_document(init_data(config, names)), out)
        return
    from agent.cli.session_signing import requested

    definitions, request = requested(config, names)
    for line in _request_lines(definitions, request):
        say(line)
    _put(request.document, out)
    say(f"next: sessionkeeper sessions import {' '.join(names)} --signature-file FILE")


def import_command(
    names: NamesArgument,
    signature: Annotated[
        str | None,
        typer.Option("--signature", help="0x-hex; other users of this machine may see a command line."),
    ] = None,
    signature_file: Annotated[
        str | None, typer.Option("--signature-file", metavar="FILE", help="The same; - reads stdin.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the owner's signature in: the first operation of each session will enable it."""
    from agent.cli.session_signing import signature_in, taken_in

    if (signature is None) == (signature_file is None):
        raise typer.BadParameter("give --signature or --signature-file")
    if signature is not None:
        data = signature_in(signature, "--signature")
    else:
        file = signature_file or "-"
        data = signature_in(text_of(file), file)
    found = taken_in(config, names, data)
    if as_json:
        show_json(
            {
                "sessions": [
                    {"name": item.session.name, "nonce": str(item.enable.nonce), "file": str(path)}
                    for item, path in found
                ]
            }
        )
        return
    for item, path in found:
        show(f"{item.session.name} {path}")
    say("the first operation of each session enables it; until then its file is as good as the session")


def signatures_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the owner's signatures that the files hold, what each can still do, and how to revoke it."""
    from agent.cli.session_signing import kept

    found = kept(config)
    if as_json:
        show_json({"signatures": [_kept_document(item) for item in found]})
    else:
        show_table(COLUMNS, [_kept_cells(item) for item in found])


def _request_lines(definitions: "Definitions", request: "EnableRequest") -> list[str]:
    from agent.commands.session_new import tokens_on
    from agent.commands.session_words import until_text, worst_case_words
    from agent.smart_sessions.worst_case import worst_case

    lines = []
    for owned in request.owned:
        session = owned.session
        tokens = tokens_on(definitions, session.chain_id)
        until = until_text(session.expires_at)
        ends = "without an end" if until is None else f"until {until}"
        lines.append(f"{session.name}: chain {session.chain_id}, account {session.account}, {ends}")
        lines += [f"  {line}" for line in worst_case_words(worst_case(session.session), tokens)]
        if not owned.readiness.is_installed:
            lines.append("  the account lacks the SmartSession module: see sessions grant")
    return [*lines, f"the wallet signs the hash {request.signed_hash}"]


def _init_data_document(found: "InitData") -> dict[str, Any]:
    first = found.sessions[0]
    return {
        "sessions": [session.name for session in found.sessions],
        "chain_id": first.chain_id,
        "account": str(first.account),
        "account_kind": first.account_kind,
        "module": str(found.module.address),
        "init_data": found.module.init_data,
        "install": {"to": str(found.install.target), "value": 0, "data": found.install.data},
        "execute": {"to": str(first.account), "value": 0, "data": found.execute},
        "creation": {
            "validators": [
                {"module": str(item.address), "init_data": item.init_data} for item in found.validators
            ],
            "init_config": list(found.init_config),
        },
    }


def _kept_document(item: "KeptSignature") -> dict[str, Any]:
    return {
        "name": item.session.name,
        "chain_id": item.session.chain_id,
        "account": str(item.session.account),
        "permission_id": str(item.session.permission_id),
        "state": item.state.value,
        "set_aside": item.is_set_aside,
        "still_works": item.state.still_works,
        "revoke": {"to": str(item.revoke.target), "value": 0, "data": item.revoke.data},
    }


def _kept_cells(item: "KeptSignature") -> list[object]:
    works = item.state.still_works
    return [
        f"{item.session.name}{' as it was before an edit' * item.is_set_aside}",
        item.session.chain_id,
        item.state.value,
        item.revoke.target if works else None,
        f"0x{item.revoke.data.hex()}" if works else None,
    ]


def _put(document: dict[str, Any], out: Path | None) -> None:
    if out is None:
        show_json(document)
        return
    from agent.cli.output import json_text

    out.write_text(json_text(document) + "\n", encoding="utf-8")
