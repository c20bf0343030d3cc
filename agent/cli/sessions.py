"""`sessionkeeper sessions`: make, grant and look at sessions."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from agent.cli.arguments import address, text_of
from agent.commands.session_digest import session_digests, session_in
from agent.domain.units import UINT256_MAX, Address, ChainId
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.ids import permission_id

app = typer.Typer(help="Make, grant and look at sessions.", no_args_is_help=True)

SessionFile = Annotated[
    str, typer.Argument(metavar="FILE", help="A session as JSON; - reads the standard input.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]


class EnableMode(StrEnum):
    """The two ways to enable a session in an operation's signature."""

    ENABLE = "enable"
    UNSAFE_ENABLE = "unsafe-enable"


MODES = {EnableMode.ENABLE: Mode.ENABLE, EnableMode.UNSAFE_ENABLE: Mode.UNSAFE_ENABLE}


@app.command("id")
def id_command(file: SessionFile, as_json: AsJson = False) -> None:
    """Print the permission id."""
    found = permission_id(session_in(text_of(file), file))
    typer.echo(json.dumps({"permission_id": str(found)}) if as_json else str(found))


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
    as_json: AsJson = False,
) -> None:
    """Print the session digest, as the module's getSessionDigest returns it."""
    session = session_in(text_of(file), file)
    found = session_digests(session, account, _uint(nonce), ChainId(chain_id), smart_session, MODES[mode])
    document = {
        "permission_id": str(found.permission_id),
        "session_digest": str(found.session_digest),
        "multichain_digest": str(found.multichain_digest),
    }
    typer.echo(json.dumps(document) if as_json else str(found.session_digest))


def _uint(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a number") from error
    if not 0 <= number <= UINT256_MAX:
        raise typer.BadParameter(f"{text} does not fit into 256 bits")
    return number
