"""`sessions release`: let a session go that was held."""

from typing import Annotated, Any

import typer

from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show_json


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("release")(release_command)


def release_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The session's name in sessions/.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it may be used again; kept in the journal.")],
    although_it_differs: Annotated[
        bool,
        typer.Option("--although-it-differs", help="Use it as the chain has it, not as the file says."),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a held session send again, once the chain has what was granted."""
    from agent.bootstrap import World
    from agent.cli.world import with_world
    from agent.commands.session_release import release_session
    from agent.commands.session_usage import session_named
    from agent.domain.hold import Hold

    async def release(world: World) -> tuple[Hold, ...]:
        session = session_named(world.definitions.sessions, name)
        chain, now = world.chains[session.chain_id], await world.services.clock.now()
        return await release_session(
            world.services.journal,
            chain,
            session,
            now,
            reason=reason,
            although_it_differs=although_it_differs,
        )

    released = with_world(config, release, with_jobs=False)
    if as_json:
        show_json({"session": name, "released": [hold_document(hold) for hold in released]})
        return
    for hold in released:
        say(f"{name}: {hold.code} released" + (", as it is on chain" if hold.accepted else ""))


def hold_document(hold: Any) -> dict[str, Any]:  # noqa: ANN401 - a Hold, imported late
    """Return a hold, active or released."""
    return {
        "scope": str(hold.scope),
        "code": hold.code,
        "reason": hold.reason,
        "at": int(hold.at),
        "released_at": None if hold.released_at is None else int(hold.released_at),
        "release_reason": hold.release_reason or None,
        "accepted": hold.accepted,
    }
