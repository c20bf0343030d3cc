"""`sessionkeeper validate`."""

from typing import TYPE_CHECKING

import typer

from agent.cli.exit_codes import ExitCode
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json

if TYPE_CHECKING:
    from agent.commands.validate import Validation
    from agent.definitions.mistakes import Mistake

app = typer.Typer()


@app.command("validate")
def validate_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check every file; print each mistake as file:line:column code message; fix."""
    from agent.cli.loading import load_definitions, settings_for
    from agent.commands.validate import validate

    settings = settings_for(config)
    found = validate(lambda: load_definitions(settings))
    if as_json:
        show_json(_document(found))
    else:
        _print(found)
    if found.mistakes:
        raise typer.Exit(ExitCode.CONFIG)


def _print(found: "Validation") -> None:
    for mistake in found.mistakes:
        show(str(mistake))
    if found.definitions is None:
        say(f"{len(found.mistakes)} mistakes")
    else:
        ours = found.definitions
        counts = f"{len(ours.jobs)} jobs, {len(ours.sessions)} sessions, {len(ours.chains)} chains"
        say(f"all is right: {counts}, mode {ours.mode}")


def _document(found: "Validation") -> dict[str, object]:
    return {
        "valid": not found.mistakes,
        "mistakes": [_mistake(mistake) for mistake in found.mistakes],
        "jobs": sorted(found.definitions.jobs) if found.definitions else [],
    }


def _mistake(mistake: "Mistake") -> dict[str, object]:
    place = mistake.place
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "code": mistake.code,
        "message": mistake.message,
        "fix": mistake.fix,
    }
