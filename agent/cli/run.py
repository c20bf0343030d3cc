"""`sessionkeeper run`: the worker."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from resource import RLIMIT_CORE, setrlimit
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from agent.definitions.records import Definitions
    from agent.settings import Settings

app = typer.Typer()


@app.command("run")
def run_command(
    config: ConfigOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="Do what is due now, follow it to its end, and stop.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; write, sign and send nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Pay what is due, until stopped (Ctrl-C or SIGTERM; a second one ends at once).

    SIGUSR1 kills: nothing is signed or sent until sessionkeeper unkill; what is in flight is followed.
    """
    # A core file would hold the session keys.
    setrlimit(RLIMIT_CORE, (0, 0))
    with _here_to_stay():
        from agent.cli.loading import load_definitions, settings_for
        from agent.definitions.config import Mode

        settings = settings_for(config)
        definitions = load_definitions(settings)
        dry = dry_run or definitions.mode is Mode.DRY_RUN
        if not dry:
            import agent.service  # noqa: F401 - what it brings stays as long
    _configure_logging(settings, "dry-run" if dry else "live")
    if dry:
        from agent.cli.rehearsal import rehearse_and_print

        asyncio.run(rehearse_and_print(settings, definitions, once=once, as_json=as_json))
        return
    raise typer.Exit(asyncio.run(_work(settings, definitions, once=once)))


@contextmanager
def _here_to_stay() -> Iterator[None]:
    """Keep what is made in the body out of the collector's sight: it lives as long as the process."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _configure_logging(settings: "Settings", mode: str) -> None:
    from agent.telemetry.logging import LogForm, configure

    configure(level=settings.log_level.value, form=LogForm(settings.log_format.value), mode=mode)


async def _work(settings: "Settings", definitions: "Definitions", *, once: bool) -> int:
    from agent.cli.signals import Stopping
    from agent.service import serve_worker

    with Stopping() as stopping:
        await serve_worker(
            settings,
            definitions,
            once=once,
            on_started=stopping.when_asked,
            on_killable=stopping.when_killed,
        )
        return stopping.exit_code
