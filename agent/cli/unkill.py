"""`sessionkeeper unkill`: let go what was killed, or what a breaker stopped."""

from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show_json
from agent.cli.scope_options import (
    AccountsOption,
    AllOption,
    ChainsOption,
    JobsOption,
    Named,
    ScopesOption,
    SessionsOption,
)

if TYPE_CHECKING:
    from agent.commands.unkill import Unkilled

app = typer.Typer()


@app.command("unkill")
def unkill_command(
    reason: Annotated[str, typer.Option("--reason", help="Why it may go on; kept in the journal.")],
    job: JobsOption = None,
    session: SessionsOption = None,
    account: AccountsOption = None,
    chain: ChainsOption = None,
    scope: ScopesOption = None,
    everything: AllOption = False,
    code: Annotated[
        list[str] | None,
        typer.Option("--code", help="Only holds of this code; otherwise kills and breakers."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let go exactly what was killed, or what a breaker stopped; name it as it was killed.

    `--all` lets go a kill of everything, not every kill. What was signed before is sent again as it is.
    """
    from agent.bootstrap import World
    from agent.cli.world import with_world
    from agent.commands.unkill import unkill

    named = Named(job or (), session or (), account or (), chain or (), scope or (), everything)

    async def let_go(world: World) -> "Unkilled":
        definitions, services = world.definitions, world.services
        scopes = (*named.plain(tuple(definitions.chains)), *named.filed(definitions, must_exist=False))
        now = await services.clock.now()
        return await unkill(world.switch, services.journal, scopes, code or (), reason, now)

    done = with_world(config, let_go)
    if as_json:
        from agent.cli.sessions_release import hold_document

        show_json({
            "let_go": sorted({str(hold.scope) for hold in done.released}),
            "released": [hold_document(hold) for hold in done.released],
        })  # fmt: skip
        return
    for hold in done.released:
        say(f"{hold.scope}: {hold.code} released")
