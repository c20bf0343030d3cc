"""`sessionkeeper version`."""

from dataclasses import asdict

import typer

from agent.cli.options import JsonOption
from agent.cli.output import show, show_json
from agent.commands.version import version

app = typer.Typer()


@app.command("version")
def version_command(as_json: JsonOption = False) -> None:
    """Print the version."""
    found = version()
    if as_json:
        show_json(asdict(found))
    else:
        show(f"sessionkeeper {found.version} (Python {found.python}, {found.platform})")
