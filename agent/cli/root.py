"""The root command: global options, errors to exit codes."""

from collections.abc import Sequence
from typing import Annotated

import typer

from agent.cli.exit_codes import ExitCode, exit_code
from agent.cli.file_errors import in_words
from agent.cli.lazy import LazyGroup
from agent.cli.output import report

PROGRAM = "sessionkeeper"

app = typer.Typer(
    name=PROGRAM,
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Print tracebacks of errors.")] = False,
) -> None:
    """Sign and submit operations of smart accounts under session keys, exactly once."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    # Taken here too, so that it may stand anywhere and works for errors of the command line itself.
    debug = "--debug" in arguments
    rest = [argument for argument in arguments if argument != "--debug"]
    try:
        typer.main.get_command(app).main(rest, prog_name=PROGRAM)
    except SystemExit as leaving:
        return _code(leaving)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the last place that can turn an error into words
        told = in_words(error)
        report(told, debug=debug)
        return exit_code(told)
    return ExitCode.OK


def _code(leaving: SystemExit) -> int:
    if leaving.code is None:
        return ExitCode.OK
    return leaving.code if isinstance(leaving.code, int) else ExitCode.INTERNAL
