"""`sessionkeeper runs`: look at runs, and decide what the agent may not."""

from typing import Annotated

import typer

from agent.cli import runs_cancel
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json, show_table
from agent.domain.states import State

app = typer.Typer(help="Look at runs, and decide what the agent may not.", no_args_is_help=True)

RunArgument = Annotated[int, typer.Argument(metavar="RUN", help="The run's number.")]


@app.command("list")
def list_command(
    job: Annotated[str | None, typer.Option("--job", help="Of this job only.")] = None,
    state: Annotated[list[State] | None, typer.Option("--state", help="In these states only.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many at most.")] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List runs, the newest first."""
    from agent.cli.present import RUN_COLUMNS, run_cells, run_document
    from agent.cli.world import with_world
    from agent.commands.runs import list_runs

    runs = with_world(config, lambda world: list_runs(world.services.journal, job, state, limit))
    if as_json:
        show_json({"runs": [run_document(run) for run in runs]})
    else:
        show_table(RUN_COLUMNS, [run_cells(run) for run in runs])


@app.command("show")
def show_command(run_id: RunArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one run: its operations and everything that happened to it."""
    from agent.cli.present import moment, run_detail, run_document
    from agent.cli.world import with_world
    from agent.commands.runs import show_run

    run = with_world(config, lambda world: show_run(world.services.journal, run_id))
    if as_json:
        show_json(run_detail(run))
        return
    for name, value in run_document(run.occurrence).items():
        if value is not None:
            show(f"{name}: {value}")
    show("")
    rows = [[moment(entry.at), entry.event, entry.to_state, entry.data] for entry in run.entries]
    show_table(["AT", "EVENT", "STATE", "DATA"], rows)


@app.command("resolve")
def resolve_command(
    run_id: RunArgument,
    paid: Annotated[
        bool | None,
        typer.Option(
            "--paid/--unpaid", help="Whether the payment was made, by whomever.", show_default=False
        ),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the journal.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide about a held or foreign run; refused while anything signed for it may still land."""
    from agent.bootstrap import World
    from agent.cli.present import run_document
    from agent.cli.world import with_world
    from agent.commands.runs_resolve import resolve_run
    from agent.domain.occurrence import Occurrence

    if paid is None:
        raise typer.BadParameter("say --paid or --unpaid")
    decided = paid

    async def resolve(world: World) -> Occurrence:
        journal = world.services.journal
        chain = world.chains[(await journal.occurrence(run_id)).chain_id]
        now = await world.services.clock.now()
        return await resolve_run(journal, chain.agreed, run_id, now, paid=decided, reason=reason)

    after = with_world(config, resolve)
    if as_json:
        show_json(run_document(after))
    else:
        say(f"run {after.id} of {after.job_id} is {after.state}: {after.reason}")


@app.command("release")
def release_command(
    run_id: RunArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the journal.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a held run go on, once the cause is gone."""
    from agent.cli.present import run_document
    from agent.cli.world import Books, with_books
    from agent.commands.runs_resolve import release_run
    from agent.domain.occurrence import Occurrence

    async def release(books: Books) -> Occurrence:
        return await release_run(books.journal, run_id, books.now, reason=reason)

    after = with_books(config, release)
    if as_json:
        show_json(run_document(after))
    else:
        say(f"run {after.id} of {after.job_id} is {after.state} again: {after.reason}")


runs_cancel.register(app)
