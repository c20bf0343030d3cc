"""`sessionkeeper status`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json, show_table

if TYPE_CHECKING:
    from agent.commands.session_usage import UsageFound
    from agent.commands.status import ChainStatus, Status
    from agent.definitions.records import Definitions
    from agent.domain.job_caps import CapUse

app = typer.Typer()


@app.command("status")
def status_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show how things stand: jobs, runs on their way or held, limits left, store, chains."""
    from agent.bootstrap import World
    from agent.cli.world import with_world
    from agent.commands.status import Status, status
    from agent.commands.stops import stops

    async def look(world: World) -> tuple["Definitions", Status]:
        now, journal = await world.services.clock.now(), world.services.journal
        found = await status(world.definitions, world.chains, journal, now)
        return world.definitions, replace(found, holds=stops(found.holds, world.switch.orders(), now))

    definitions, found = with_world(config, look)
    if as_json:
        show_json(_document(definitions, found))
    else:
        _print(definitions, found)


def _document(definitions: "Definitions", found: "Status") -> dict[str, Any]:
    from agent.cli.present import moment, run_document
    from agent.cli.sessions_release import hold_document
    from agent.commands.stops import session_names

    names = session_names(definitions.sessions.values())
    return {
        "mode": definitions.mode.value,
        "now": int(found.now),
        "time": moment(found.now),
        "jobs": dict(found.jobs),
        "runs": {str(state): count for state, count in sorted(found.runs.items())},
        "waiting": [run_document(run) for run in found.waiting],
        "in_flight": [run_document(run) for run in found.in_flight],
        "held": [run_document(run) for run in found.held],
        "orphaned": [run_document(run) for run in found.orphaned],
        "holds": [hold_document(hold) | {"session": names.get(hold.scope)} for hold in found.holds],
        "watch": _watch(found),
        "caps": [_cap(use) for use in found.caps],
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
    _print_watch(found)
    for chain in found.chains:
        age = None if chain.block_time is None else found.now - chain.block_time
        known = f"block {chain.block_number}, {age} s old, {chain.finalized_number} is final"
        show(f"chain  {chain.chain_id} {chain.name}: {chain.problem or known}")
    groups = {"waiting": found.waiting, "in flight": found.in_flight, "held": found.held}
    for title, runs in (groups | {"of jobs that are not in the files": found.orphaned}).items():
        if runs:
            show(f"\n{title}:")
            show_table(RUN_COLUMNS, [run_cells(run) for run in runs])
    _print_holds(definitions, found)
    _print_caps(found)
    for session in found.sessions:
        show(f"\nsession {session.session.name}: {session.problem or 'limits'}")
        if session.usage is not None:
            tokens = tokens_on(definitions, session.session.chain_id)
            show_table(USAGE_COLUMNS, [usage_cells(line, tokens) for line in session.usage.lines])
    for note in _notes(found):
        say(note)


def _watch(found: "Status") -> dict[str, Any]:
    from agent.cli.present import watch_document

    alarms = [(view.id, view.watch) for view in found.watched if view.watch and view.watch.seen.alarm]
    return {
        "jobs": len(found.watched),
        "firing": sum(view.condition == "firing" for view in found.watched),
        "alarms": [{"job": job_id, **watch_document(watch)} for job_id, watch in alarms],
    }


def _print_watch(found: "Status") -> None:
    from agent.cli.present import watch_sentence

    if found.watched:
        conditions = Counter(view.condition for view in found.watched)
        show(f"watch  {_counts(conditions)}")
    for view in found.watched:
        if view.watch is not None and view.watch.seen.alarm:
            show(f"  {view.id}: {watch_sentence(view.watch)}")


def _print_caps(found: "Status") -> None:
    from agent.domain.job_caps import quantity

    if found.caps:
        show("\ncaps of jobs, as the agent counts them:")
        show_table(
            ("JOB", "CAP", "OF", "LIMIT", "USED", "RESERVED", "LEFT"),
            [
                (
                    use.key.job_id,
                    use.cap.name,
                    use.key.day,
                    *(
                        quantity(use.cap, amount)
                        for amount in (use.cap.limit, use.used, use.reserved, use.left)
                    ),
                )
                for use in found.caps
            ],
        )


def _cap(use: "CapUse") -> dict[str, Any]:
    return {
        "job": use.key.job_id,
        "cap": use.cap.name,
        "of": use.key.day,
        "unit": use.cap.unit,
        "decimals": use.cap.decimals,
        "limit": str(use.cap.limit),
        "used": str(use.used),
        "reserved": str(use.reserved),
        "left": str(use.left),
    }


def _print_holds(definitions: "Definitions", found: "Status") -> None:
    from agent.cli.present import moment
    from agent.commands.stops import session_names, way_out, what_is_held

    names = session_names(definitions.sessions.values())
    for hold in found.holds:
        show(f"\nheld since {moment(hold.at)}: {what_is_held(hold, names)}")
        show(f"  {hold.code}: {hold.reason}\n  {way_out(hold, names)}")


def _notes(found: "Status") -> Iterator[str]:
    if found.holds:
        yield "what is held sends nothing, until its cause is cleared and somebody lets it go"
    if any(view.watch is not None and view.watch.seen.alarm for view in found.watched):
        yield "a job in alarm cannot see what it acts on, and does not fire until it can: look at its source"
    if found.held:
        yield "held runs wait for a person: sessionkeeper runs show ID, then runs resolve ID"
    if found.orphaned:
        yield "runs of jobs that are not in the files are followed, not worked on: put the job's file back"


def _session(definitions: "Definitions", found: "UsageFound") -> dict[str, Any]:
    from agent.cli.session_documents import usage_found_document
    from agent.commands.session_new import tokens_on

    return usage_found_document(found, tokens_on(definitions, found.session.chain_id))


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
