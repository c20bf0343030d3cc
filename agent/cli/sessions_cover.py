"""`sessionkeeper sessions cover`: prove that a session lets its jobs do all they can do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.exit_codes import ExitCode
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json

if TYPE_CHECKING:
    from agent.bootstrap import World
    from agent.commands.session_cover import Coverage
    from agent.commands.session_lint import Surroundings
    from agent.commands.session_words import Tokens
    from agent.definitions.records import Definitions
    from agent.domain.units import Timestamp
    from agent.smart_sessions.cover import Gap

Found = tuple["Coverage", "Tokens"]


def register(app: typer.Typer) -> None:
    """Add the command to those of sessions."""
    app.command("cover")(cover_command)


def cover_command(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="The job's id.")] = None,
    session: Annotated[
        str | None, typer.Argument(metavar="SESSION", help="The session; the job's own if left out.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every job with its sessions.")] = False,
    periods: Annotated[
        int | None, typer.Option("--periods", min=1, help="The next periods alone; all if left out.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that every call a job can make is inside its session; leave with 6 and each gap if not."""
    if (job is None) != every:
        raise typer.BadParameter("name a job, or give --all")
    found = _look(config, job, session, periods)
    if as_json:
        show_json({"covers": [_document(item, tokens) for item, tokens in found]})
    else:
        for item, tokens in found:
            _print(item, tokens)
    if not all(item.is_covered for item, _ in found):
        raise typer.Exit(ExitCode.REFUSED)


def _look(config: Path | None, job: str | None, session: str | None, periods: int | None) -> list[Found]:
    from agent.cli.world import with_world
    from agent.commands.session_lint import Surroundings
    from agent.commands.session_new import tokens_on

    async def prove(world: "World") -> list[Found]:
        files, now = world.definitions, await world.services.clock.now()
        around = Surroundings(files)
        return [
            (
                await _proven(world, asked, name, around, now, periods),
                tokens_on(files, files.sessions[name].chain_id),
            )
            for asked, name in _pairs(files, around, job, session)
        ]

    return with_world(config, prove)


async def _proven(
    world: "World", job: str, session: str, around: "Surroundings", now: "Timestamp", periods: int | None
) -> "Coverage":
    from agent.commands.session_cover import coverage, coverage_of_file
    from agent.domain.errors import Unavailable

    files = world.definitions
    granted = files.sessions[session]
    jobs = [files.jobs[job], *(item for item in around.jobs.get(session, ()) if item.id != job)]
    chain, journal = world.chains[granted.chain_id], world.services.journal
    try:
        return await coverage(chain, journal, granted, jobs, files.kinds, now, periods)
    except Unavailable as error:
        say(f"{session}: {error}; what is used of it was left out")
        return coverage_of_file(granted, jobs, files.kinds, now, periods)


def _pairs(
    files: "Definitions", around: "Surroundings", job: str | None, session: str | None
) -> list[tuple[str, str]]:
    from agent.commands.session_usage import session_named
    from agent.domain.errors import NotFound

    if job is not None and job not in files.jobs:
        raise NotFound(f"there is no job {job!r} in the files")
    if job is not None and session is not None:
        return [(job, session_named(files.sessions, session).name)]
    return [(item.id, name) for name, jobs in around.jobs.items() for item in jobs if job in (None, item.id)]


def _print(found: "Coverage", tokens: "Tokens") -> None:
    from agent.commands.session_cover import gap_words

    shared = f", with {', '.join(found.with_jobs)}" if found.with_jobs else ""
    held = "what is left on chain" if found.is_granted else "its file, not granted yet"
    verdict = "covered" if found.is_covered else "not covered"
    show(f"{found.job} by {found.session.name}: {verdict} for {found.periods} periods{shared} ({held})")
    for gap in found.gaps:
        show(f"  {gap_words(gap, tokens)}")


def _document(found: "Coverage", tokens: "Tokens") -> dict[str, Any]:
    return {
        "job": found.job,
        "session": found.session.name,
        "with_jobs": list(found.with_jobs),
        "covered": found.is_covered,
        "granted": found.is_granted,
        "periods": found.periods,
        "gaps": [_gap(gap, tokens) for gap in found.gaps],
    }


def _gap(gap: "Gap", tokens: "Tokens") -> dict[str, Any]:
    from agent.commands.session_cover import gap_words

    call = gap.call
    return {
        "code": gap.code,
        "call": None if call is None else {"to": str(call.target), "data": f"0x{call.data.hex()}"},
        "policy": None if gap.policy is None else str(gap.policy),
        "part": gap.part or None,
        "unit": gap.unit or None,
        "asked": gap.asked,
        "granted": gap.granted,
        "text": gap_words(gap, tokens),
        "remedy": gap.remedy,
    }
