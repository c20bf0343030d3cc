"""`sessionkeeper doctor`."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.exit_codes import ExitCode
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from agent.commands.finding import Finding

app = typer.Typer()


@app.command("doctor")
def doctor_command(
    strict: Annotated[bool, typer.Option("--strict", help="Leave with 12 on a warning.")] = False,
    operations: Annotated[
        int, typer.Option("--operations", min=1, help="Gas funds should last for so many operations.")
    ] = 3,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at everything the jobs need: nodes, bundlers, contracts, sessions, keys, funds, store."""
    from agent.bootstrap import World, key_openers, store_opener
    from agent.cli.loading import load_definitions, settings_for
    from agent.cli.world import with_chains
    from agent.commands.doctor import Patient, examine
    from agent.commands.finding import Level
    from agent.definitions.config import ClockKind

    settings = settings_for(config)
    definitions = load_definitions(settings)

    async def look(world: World) -> "tuple[Finding, ...]":
        patient = Patient(
            definitions=definitions,
            chains=world.chains,
            signers=key_openers(settings, definitions),
            open_journal=store_opener(settings, definitions),
            wall_now=time.time() if definitions.clock is ClockKind.WALL else None,
            operations=operations,
            orders=world.switch.orders(),
        )
        return await examine(patient)

    found = with_chains(settings, definitions, look)
    worst = {finding.level for finding in found}
    if as_json:
        show_json({"ok": Level.FAIL not in worst, "findings": [_document(finding) for finding in found]})
    else:
        show_table(
            ["", "WHAT", "FOUND"], [[finding.level, finding.name, finding.message] for finding in found]
        )
        for finding in found:
            if finding.remedy:
                say(f"{finding.name}: {finding.remedy}")
    if Level.FAIL in worst:
        raise typer.Exit(_exit_code(found))
    if strict and Level.WARN in worst:
        raise typer.Exit(ExitCode.WARNINGS)


def _exit_code(found: "Iterable[Finding]") -> ExitCode:
    failed = [finding.name for finding in found if finding.level == "fail"]
    if any(name.endswith((" rpc", " agreement")) for name in failed):
        return ExitCode.CHAIN
    if any(
        name.startswith("session ") and name.endswith((" enabled", " expiry", " revoked")) for name in failed
    ):
        return ExitCode.SESSION
    return ExitCode.CONFIG


def _document(finding: "Finding") -> dict[str, object]:
    return {
        "level": str(finding.level),
        "name": finding.name,
        "message": finding.message,
        "remedy": finding.remedy or None,
    }
