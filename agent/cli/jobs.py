"""`sessionkeeper jobs`: look at jobs, pause and resume them."""

from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import jobs_replaying
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json, show_table

if TYPE_CHECKING:
    from agent.commands.jobs import JobView

app = typer.Typer(help="Look at jobs, pause, resume and try them.", no_args_is_help=True)

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]


@app.command("list")
def list_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List every job with its condition and its next slot."""
    from agent.cli.present import job_document
    from agent.cli.world import with_books
    from agent.commands.jobs import list_jobs

    views = with_books(config, lambda books: list_jobs(books.definitions.jobs, books.journal, books.now))
    documents = [job_document(view) for view in views]
    if as_json:
        show_json({"jobs": documents})
        return
    rows = [
        [job["id"], job["kind"], job["condition"], *_next(job, view), job["reference"]]
        for job, view in zip(documents, views, strict=True)
    ]
    show_table(["ID", "KIND", "CONDITION", "NEXT SLOT", "DUE", "REFERENCE"], rows)


@app.command("show")
def show_command(job_id: JobArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one job with its next slots and newest runs."""
    from agent.cli.present import RUN_COLUMNS, job_document, run_cells, run_document, watch_sentence
    from agent.cli.world import with_books
    from agent.commands.jobs import show_job

    detail = with_books(
        config, lambda books: show_job(books.definitions.jobs, books.journal, job_id, books.now)
    )
    document = job_document(detail.view) | {"recent": [run_document(run) for run in detail.recent]}
    if as_json:
        show_json(document)
        return
    for name, value in document.items():
        if name not in ("upcoming", "recent", "runs", "watch") and value is not None:
            show(f"{name}: {value}")
    if detail.view.watch is not None:
        show(f"saw: {watch_sentence(detail.view.watch)}")
    for slot in document["upcoming"]:
        show(f"next: {slot['slot']} at {slot['due']} {slot['time_zone']}")
    if detail.recent:
        show("")
        show_table(RUN_COLUMNS, [run_cells(run) for run in detail.recent])


@app.command("pause")
def pause_command(
    job_id: JobArgument,
    reason: Annotated[str, typer.Option("--reason", help="Kept in the journal.")] = "paused by the operator",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop a job until it is resumed; what is signed already is followed to its end."""
    from agent.cli.world import with_books
    from agent.commands.jobs import pause_job

    with_books(config, lambda books: pause_job(books.journal, job_id, reason, books.now))
    _confirm(job_id, "paused", as_json)


@app.command("resume")
def resume_command(job_id: JobArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Let a paused job go on; its catch-up rule decides about what it missed."""
    from agent.cli.world import with_books
    from agent.commands.jobs import resume_job

    with_books(config, lambda books: resume_job(books.journal, job_id, books.now))
    _confirm(job_id, "resumed", as_json)


jobs_replaying.register(app)


def _confirm(job_id: str, what: str, as_json: bool) -> None:
    if as_json:
        show_json({"id": job_id, "done": what})
    else:
        say(f"{job_id} is {what}")


def _next(job: dict[str, object], view: "JobView") -> list[object]:
    from agent.cli.present import again_text

    if view.watch is not None:
        return [view.watch.firings.count + 1, again_text(view.watch.seen.again)]
    upcoming = job["upcoming"]
    if not isinstance(upcoming, list) or not upcoming:
        return [None, None]
    return [upcoming[0]["slot"], f"{upcoming[0]['due']} {upcoming[0]['time_zone']}"]
