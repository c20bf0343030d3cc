"""The sessions a job names: one under `session`, or several under `sessions`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agent.definitions.job_file import PartyFields
from agent.definitions.sessions import SessionDefinition
from agent.definitions.source import Path, Report, Source, Tree
from agent.definitions.succession import in_use
from agent.domain.job import JobDefinition

KEYS = ("session", "sessions")
Named = tuple[str, Path]
"""A name, and where it is written."""


def over(inherited: Mapping[str, Tree], own: Mapping[str, Tree]) -> dict[str, Tree]:
    """Lay a row over its template: sessions of its own replace the template's, however either names them."""
    replaced = KEYS if any(key in own for key in KEYS) else ()
    return {**{key: value for key, value in inherited.items() if key not in replaced}, **own}


def named_sessions(
    fields: Mapping[str, Any], party: Mapping[str, Tree], source: Source, report: Report
) -> tuple[Named, ...]:
    """Return the names that are right; note what else is wrong with them."""
    given = [key for key in KEYS if key in party]
    if not given:
        fix = f"add session: {PartyFields.model_fields['session'].description}"
        report.add(source.place(()), "missing_key", "'session' is missing", fix)
    if len(given) > 1:
        message = "the job has session: and sessions:"
        report.add(source.key_place(("sessions",)), "two_session_keys", message, "keep one of them")
        return ()
    if given == ["session"]:
        return ((fields["session"], ("session",)),) if fields.get("session") else ()
    return tuple(_listed(fields.get("sessions"), source, report)) if given else ()


def _listed(names: tuple[str, ...] | None, source: Source, report: Report) -> Iterator[Named]:
    if names == ():
        report.add(source.place(("sessions",)), "no_session", "the list is empty", "name a session")
    for index, name in enumerate(names or ()):
        path: Path = ("sessions", index)
        if name in (names or ())[:index]:
            message = f"{name!r} stands here twice"
            report.add(source.place(path), "duplicate_session_name", message, "name each session once")
        else:
            yield name, path


def jobs_by_session(
    jobs: Iterable[JobDefinition], sessions: Mapping[str, SessionDefinition]
) -> dict[str, list[JobDefinition]]:
    """Return, by session, the jobs that may sign under it: by its own name or one that it took over from."""
    named = list(jobs)
    lines = in_use(sessions, dict.fromkeys(name for job in named for name in job.sessions))
    found: dict[str, list[JobDefinition]] = defaultdict(list)
    for job in named:
        for session in dict.fromkeys(item.name for name in job.sessions for item in lines[name]):
            found[session].append(job)
    return found
