"""A group of commands that are imported one by one, when they are asked for."""

from importlib import import_module
from importlib.util import find_spec

import typer

# The two classes of typer's own copy of click that its groups are made of; it exports no other name.
from typer._click import Command, Context
from typer.core import TyperGroup

MODULES = {
    "run": "agent.cli.run",
    "validate": "agent.cli.validate",
    "plan": "agent.cli.plan",
    "status": "agent.cli.status",
    "kill": "agent.cli.kill",
    "unkill": "agent.cli.unkill",
    "jobs": "agent.cli.jobs",
    "runs": "agent.cli.runs",
    "sessions": "agent.cli.sessions",
    "keys": "agent.cli.keys",
    "doctor": "agent.cli.doctor",
    "op": "agent.cli.op",
    "devnet": "agent.cli.devnet",
    "demo": "agent.cli.demo",
    "version": "agent.cli.version",
}
"""Each module holds a `typer.Typer` named `app`."""


class LazyGroup(TyperGroup):
    """The root group."""

    def list_commands(self, ctx: Context) -> list[str]:  # click's signature
        """Return the commands in the order of an operator's day."""
        return [name for name, module in MODULES.items() if find_spec(module) is not None]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # click's signature
        """Import the command's module."""
        module = MODULES.get(cmd_name)
        if module is None or find_spec(module) is None:
            return None
        app: typer.Typer = import_module(module).app
        # Only the root offers --install-completion.
        app._add_completion = False  # noqa: SLF001  # typer has no other way to make a command of an app
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command
