"""`sessionkeeper op`: look at operations."""

import json
from typing import Annotated

import typer

from agent.cli.arguments import address, text_of
from agent.commands.op_hash import op_hash
from agent.domain.units import Address, ChainId
from agent.erc4337.version import EntryPointVersion

app = typer.Typer(help="Look at operations.", no_args_is_help=True)


@app.callback()
def op() -> None:
    """Look at operations."""


@app.command("hash")
def hash_command(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A UserOperation in JSON-RPC form; - reads the standard input."),
    ],
    entry_point: Annotated[Address, typer.Option(parser=address, metavar="ADDRESS", help="The EntryPoint.")],
    chain_id: Annotated[int, typer.Option(min=1, help="The chain.")],
    entry_point_version: Annotated[
        EntryPointVersion, typer.Option(help="Whose formats the file follows.")
    ] = EntryPointVersion.V07,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Print the hash that the account signs."""
    found = op_hash(text_of(file), file, entry_point_version, entry_point, ChainId(chain_id))
    typer.echo(json.dumps({"user_op_hash": str(found)}) if as_json else str(found))
