"""`sessionkeeper plan`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.exit_codes import ExitCode
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json, show_table
from agent.cli.plan_void import life_document, life_sentence

if TYPE_CHECKING:
    from agent.commands.plan import Plan
    from agent.commands.plan_fires import Fire
    from agent.commands.plan_watch import WatchOutlook
    from agent.commands.session_lint import Verdict
    from agent.commands.session_words import Tokens
    from agent.definitions.records import Definitions

app = typer.Typer()

COLUMNS = ("DUE", "JOB", "SLOT", "WOULD", "WHAT", "GAS AT MOST", "LEAVES")


@app.command("plan")
def plan_command(
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="So many fires.")] = 10,
    job: Annotated[str | None, typer.Option("--job", help="Of this job only.")] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Leave with 4 when a start would change jobs.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the next fires of all jobs, what each costs, and what it leaves of the session's limits."""
    from agent.bootstrap import World
    from agent.cli.session_lint import verdict_document
    from agent.cli.world import with_world
    from agent.commands.plan import Plan, plan
    from agent.commands.session_load import plan_verdicts

    async def look(world: World) -> tuple["Definitions", Plan, list["Verdict"]]:
        now, journal = await world.services.clock.now(), world.services.journal
        found = await plan(world.definitions, world.chains, journal, now, count, job)
        names = {fire.session or fire.definition.session for fire in found.fires}
        return world.definitions, found, await plan_verdicts(world.definitions, world.chains, names, now)

    definitions, found, verdicts = with_world(config, look)
    if as_json:
        show_json(_document(definitions, found) | {"sessions": list(map(verdict_document, verdicts))})
    else:
        _print(definitions, found)
        for item in verdicts:
            show(f"{item.session.name}: {item.words[0]} {item.sentence}")
    if exit_code and found.changes:
        raise typer.Exit(ExitCode.CHANGES)


def _print(definitions: "Definitions", found: "Plan") -> None:
    from agent.smart_sessions.violation_words import violation_text

    show_table(COLUMNS, [_cells(definitions, fire) for fire in found.fires])
    for change in found.changes:
        say(f"{change.job_id}: {change.kind} since the worker last started")
    for fire in found.fires:
        for violation in fire.violations:
            text = violation_text(violation, _tokens(definitions, fire))
            say(f"{fire.definition.id} {fire.slot.key}: {text}")
    for job, life in found.lives.items():
        show(f"{job}: {life_sentence(life)}")
    for item in found.watched:
        show(f"{item.definition.id}: {_seen(item)}")
    if not found.fires and not found.watched:
        show("nothing is planned")


def _cells(definitions: "Definitions", fire: "Fire") -> list[object]:
    from agent.cli.present import moment, time_zone_of
    from agent.domain.token import decimal_text

    zone_name = time_zone_of(fire.definition)
    gas = None if fire.cost_wei is None else f"{decimal_text(fire.cost_wei, 18)} ether"
    what = _reason(definitions, fire) if fire.code else fire.intent.get("text")
    due = f"{moment(fire.slot.due_at, zone_name)} {zone_name}"
    return [due, fire.definition.id, fire.slot.key, fire.would, what, gas, _tightest(definitions, fire)]


def _reason(definitions: "Definitions", fire: "Fire") -> str:
    from agent.smart_sessions.violation_words import violation_text

    if fire.violations:
        return violation_text(fire.violations[0], _tokens(definitions, fire))
    return f"{fire.code}: {fire.reason}"


def _tightest(definitions: "Definitions", fire: "Fire") -> str | None:
    from agent.cli.session_documents import left_text

    if not fire.leaves:
        return None
    # Compared by cross products: shares of limits, without rounding.
    tightest = fire.leaves[0]
    for line in fire.leaves[1:]:
        if line.remaining * tightest.use.limit < tightest.remaining * line.use.limit:
            tightest = line
    return f"{tightest.policy}: {left_text(tightest, _tokens(definitions, fire))}"


def _document(definitions: "Definitions", found: "Plan") -> dict[str, Any]:
    return {
        "changes": [{"job": change.job_id, "kind": str(change.kind)} for change in found.changes],
        "fires": [_fire(definitions, fire) for fire in found.fires],
        "watched": [_watched(item) for item in found.watched],
        "void": {job: life_document(life) for job, life in found.lives.items()},
    }


def _seen(item: "WatchOutlook") -> str:
    from agent.cli.present import again_text

    glance, block = item.glance, item.block.number
    return f"{_would(item)}, {glance.code} at block {block}: {glance.why}; {again_text(glance.again)}"


def _would(item: "WatchOutlook") -> str:
    if item.fires:
        return "would fire"
    if not item.glance.fires:
        return "armed" if not item.glance.again.never else "over"
    return (
        f"would fire, but is stopped: {item.row.stopped}" if item.row.stopped else "its last firing is open"
    )


def _watched(item: "WatchOutlook") -> dict[str, Any]:
    from agent.cli.present import watch_document

    glance = item.glance
    now = {"code": glance.code, "why": glance.why, "alarm": glance.alarm, "facts": dict(glance.facts)}
    return {
        "job": item.definition.id,
        "would_fire": item.fires,
        "block": item.block.number,
        "sees": now,
        "saw": watch_document(item.row),
    }


def _fire(definitions: "Definitions", fire: "Fire") -> dict[str, Any]:
    from agent.cli.present import slot_document, time_zone_of
    from agent.cli.session_documents import limit_document
    from agent.smart_sessions.violation_words import violation_document

    tokens = _tokens(definitions, fire)
    return {
        "job": fire.definition.id,
        "session": fire.session or fire.definition.session,
        "reference": fire.definition.reference or None,
        **slot_document(fire.slot, time_zone_of(fire.definition)),
        "would": str(fire.would),
        "code": fire.code or None,
        "reason": (_reason(definitions, fire) if fire.violations else fire.reason) or None,
        "pays": dict(fire.intent),
        "gas_cost_wei": fire.cost_wei,
        "violations": [violation_document(violation, tokens) for violation in fire.violations],
        "leaves": [limit_document(line, tokens) for line in fire.leaves],
    }


def _tokens(definitions: "Definitions", fire: "Fire") -> "Tokens":
    from agent.commands.session_new import tokens_on

    return tokens_on(definitions, fire.definition.chain_id)
