"""`sessionkeeper op`: look at operations."""

from typing import Annotated

import typer

from agent.cli.arguments import address, text_of
from agent.cli.options import JsonOption
from agent.cli.output import show, show_json
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
    as_json: JsonOption = False,
) -> None:
    """Print the hash that the account signs."""
    from agent.commands.op_hash import op_hash

    found = str(op_hash(text_of(file), file, entry_point_version, entry_point, ChainId(chain_id)))
    if as_json:
        show_json({"user_op_hash": found})
    else:
        show(found)
