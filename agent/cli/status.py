"""`sessionkeeper status`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json, show_table

if TYPE_CHECKING:
    from agent.commands.status import ChainStatus, SessionStatus, Status
    from agent.definitions.records import Definitions

app = typer.Typer()


@app.command("status")
def status_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show how things stand: jobs, runs on their way or held, limits left, store, chains."""
    from agent.bootstrap import World
    from agent.cli.world import with_world
    from agent.commands.status import Status, status

    async def look(world: World) -> tuple["Definitions", Status]:
        now, journal = await world.services.clock.now(), world.services.journal
        return world.definitions, await status(world.definitions, world.chains, journal, now)

    definitions, found = with_world(config, look)
    if as_json:
        show_json(_document(definitions, found))
    else:
        _print(definitions, found)


def _document(definitions: "Definitions", found: "Status") -> dict[str, Any]:
    from agent.cli.present import moment, run_document

    return {
        "mode": definitions.mode.value,
        "now": int(found.now),
        "time": moment(found.now),
        "jobs": dict(found.jobs),
        "runs": {str(state): count for state, count in sorted(found.runs.items())},
        "waiting": [run_document(run) for run in found.waiting],
        "in_flight": [run_document(run) for run in found.in_flight],
        "held": [run_document(run) for run in found.held],
        "sessions": [_session(definitions, session) for session in found.sessions],
        "store": _store(definitions),
        "chains": [_chain(found, chain) for chain in found.chains],
    }


def _print(definitions: "Definitions", found: "Status") -> None:
    from agent.cli.present import RUN_COLUMNS, moment, run_cells
    from agent.cli.session_documents import USAGE_COLUMNS, usage_cells
    from agent.commands.session_new import tokens_on

    show(f"mode   {definitions.mode.value}, {moment(found.now)}")
    show(f"store  {_store(definitions)}")
    show(f"jobs   {_counts(found.jobs)}")
    show(f"runs   {_counts(found.runs)}")
    for chain in found.chains:
        age = None if chain.block_time is None else found.now - chain.block_time
        known = f"block {chain.block_number}, {age} s old, {chain.finalized_number} is final"
        show(f"chain  {chain.chain_id} {chain.name}: {chain.problem or known}")
    for title, runs in (("waiting", found.waiting), ("in flight", found.in_flight), ("held", found.held)):
        if runs:
            show(f"\n{title}:")
            show_table(RUN_COLUMNS, [run_cells(run) for run in runs])
    for session in found.sessions:
        show(f"\nsession {session.name}: {session.problem or 'limits'}")
        if session.usage is not None:
            tokens = tokens_on(definitions, session.usage.session.chain_id)
            show_table(USAGE_COLUMNS, [usage_cells(line, tokens) for line in session.usage.lines])
    if found.held:
        say("held runs wait for a person: sessionkeeper runs show ID, then runs resolve ID")


def _session(definitions: "Definitions", session: "SessionStatus") -> dict[str, Any]:
    from agent.cli.session_documents import usage_document
    from agent.commands.session_new import tokens_on

    if session.usage is None:
        return {"name": session.name, "problem": session.problem, "limits": []}
    tokens = tokens_on(definitions, session.usage.session.chain_id)
    return usage_document(session.usage, tokens) | {"problem": None}


def _chain(found: "Status", chain: "ChainStatus") -> dict[str, Any]:
    return {
        "chain_id": int(chain.chain_id),
        "name": chain.name,
        "block": chain.block_number,
        "age_s": None if chain.block_time is None else found.now - chain.block_time,
        "finalized": chain.finalized_number,
        "problem": chain.problem or None,
    }


def _store(definitions: "Definitions") -> str:
    from agent.telemetry.secrets import mask_url

    url = definitions.store_url.get_secret_value()
    return url if url.startswith("sqlite:") else mask_url(url)


def _counts(counts: "Mapping[Any, int]") -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"
