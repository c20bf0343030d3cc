"""`sessionkeeper runs cancel`."""

from typing import Annotated

import typer

from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show_json


def register(app: typer.Typer) -> None:
    """Add the command to `sessionkeeper runs`."""
    app.command("cancel")(cancel_command)


def cancel_command(
    run_id: Annotated[int, typer.Argument(metavar="RUN", help="The run's number.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the journal.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a run's operation replaced by one that moves nothing, or skip a run that is not signed yet."""
    from agent.cli.present import run_document
    from agent.cli.world import Books, with_books
    from agent.commands.runs_cancel import cancel_run
    from agent.domain.occurrence import Occurrence
    from agent.domain.states import State

    async def cancel(books: Books) -> Occurrence:
        return await cancel_run(books.journal, run_id, books.now, reason=reason)

    after = with_books(config, cancel)
    if as_json:
        show_json(run_document(after))
    elif after.state is State.SENT:
        say(f"run {after.id} of {after.job_id}: the worker cancels it; until that is final it may still pay")
    else:
        say(f"run {after.id} of {after.job_id} is {after.state}: {after.reason}")
