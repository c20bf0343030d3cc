"""What a replay found, as one JSON document: the same for the same file, byte by byte."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from agent.commands.replay import JobRun, Made, Missed, Replayed
from agent.commands.replay_purse import Purse, runs_dry_at
from agent.commands.session_usage import quantity_text
from agent.commands.session_words import Tokens, date_text

Document = dict[str, Any]


def replay_document(found: Replayed, tokens: Tokens) -> Document:
    """Return everything; amounts are exact integers in base units."""
    return {
        "chain_id": found.header.chain_id,
        "from": {"block": found.first.number, "at": found.first.timestamp},
        "to": {"block": found.last.number, "at": found.last.timestamp},
        "points": found.points,
        "jobs": [_job(run) for run in found.runs],
        "sessions": [_session(purse, found, tokens) for purse in found.purses.values()],
        "not_replayed": [run.job.id for run in found.runs if _waits_for_logs(run)],
    }


def _job(run: JobRun) -> Document:
    return {
        "id": run.job.id,
        "kind": run.job.kind,
        "fires": run.fires,
        "made": len(run.made),
        "missed": len(run.missed),
        "stopped": run.is_stopped,
        "alarms": run.alarms,
        "glances": run.glances,
        "evaluations": run.evaluations,
        "gas_cost_wei": sum(item.cost_wei for item in run.made),
        "payments": [_made(item) for item in run.made],
        "misses": [_missed(item) for item in run.missed],
    }


def _made(item: Made) -> Document:
    return {
        "slot": item.slot,
        "block": item.block,
        "at": item.at,
        "session": item.session or None,
        "cost_wei": item.cost_wei,
        "intent": dict(item.intent),
    }


def _missed(item: Missed) -> Document:
    return {
        "slot": item.slot,
        "block": item.block,
        "at": item.at,
        "ended_at": item.ended_at,
        "state": str(item.state),
        "code": item.code,
        "why": item.why,
    }


def _session(purse: Purse, found: Replayed, tokens: Tokens) -> Document:
    dry = purse.dry
    return {
        "name": purse.definition.name,
        "ran_dry": None
        if dry is None
        else {"block": dry.block, "at": dry.at, "code": dry.code, "job": dry.job},
        "runs_dry_at": runs_dry_at(purse, found.first.timestamp, found.last.timestamp),
        "limits": [
            {
                "policy": line.policy,
                "on": line.on,
                "unit": line.use.unit or None,
                "used": line.reserved,
                "limit": line.use.limit,
                "text": f"{quantity_text(line.reserved, line.use, tokens)} of "
                f"{quantity_text(line.use.limit, line.use, tokens)}",
            }
            for line in purse.lines
        ],
    }


def replay_lines(found: Replayed, tokens: Tokens) -> Iterator[str]:
    """Yield the same for a person."""
    first, last = found.first, found.last
    yield (
        f"{found.points} blocks from {first.number} ({date_text(first.timestamp)}) "
        f"to {last.number} ({date_text(last.timestamp)})"
    )
    for run in found.runs:
        cost_wei = sum(item.cost_wei for item in run.made)
        counts = f"{run.fires} fires, {len(run.made)} paid, {len(run.missed)} missed"
        yield f"{run.job.id}: {counts}, {cost_wei} wei gas"
        for code, count in sorted(Counter(item.code for item in run.missed).items()):
            yield f"  missed {count} times: {code}"
        if _waits_for_logs(run):
            yield "  it waits for event logs, which are not recorded"
    for purse in found.purses.values():
        yield from _session_lines(purse, found, tokens)


def _session_lines(purse: Purse, found: Replayed, tokens: Tokens) -> Iterator[str]:
    dry = purse.dry
    ends = runs_dry_at(purse, found.first.timestamp, found.last.timestamp)
    if dry is not None:
        where = f"at block {dry.block} ({date_text(dry.at)})"
        yield f"session {purse.definition.name} ran dry {where}: {dry.code}"
    elif ends is not None:
        yield f"session {purse.definition.name} lasts until {date_text(ends)} if it is used on like this"
    for line in purse.lines:
        used, limit = (quantity_text(units, line.use, tokens) for units in (line.reserved, line.use.limit))
        yield f"  {line.policy} on {line.on}: {used} of {limit}"


def _waits_for_logs(run: JobRun) -> bool:
    return run.job.schedule is None and bool(run.kind.log_filters(run.job.spec, run.job.account))
