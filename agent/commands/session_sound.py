"""A session just derived or edited must cover its own jobs and pass the lint, or it is not written."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from agent.commands.session_cover import coverage_of_file, demand_for, fresh_gaps, gap_words
from agent.commands.session_lint import Surroundings, Verdict, require_fit, verdict
from agent.commands.session_need import Wish, headroom_of, periods_of
from agent.commands.session_new import NewSession, tokens_on
from agent.definitions.drafts import Draft
from agent.definitions.records import Definitions
from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import Refused
from agent.domain.job import JobDefinition
from agent.domain.units import Timestamp
from agent.smart_sessions.cover import Gap


class NotCovered(Refused):
    """A session does not let its job do everything it can do."""

    code = "not_covered"
    remedy = "see sessionkeeper sessions cover; what a kind asks for and what it does must be the same"


class EditNotCovered(NotCovered):
    """An edit takes from a session what its jobs can do."""

    remedy = "change the jobs first, or say that it is meant so: sessions edit --although-not-covered"


def require_sound(
    definitions: Definitions,
    drafts: Sequence[Draft],
    made: Sequence[NewSession],
    wish: Wish,
    now: Timestamp,
) -> tuple[Verdict, ...]:
    """Hold each new session against its own jobs and the rules; raise NotCovered or LintRefused."""
    jobs = [job for draft in drafts for job in draft.jobs]
    around = Surroundings(with_session(definitions, jobs, *(new.definition for new in made)))
    verdicts = []
    for draft, new in zip(drafts, made, strict=True):
        _require_covered(definitions, draft, new, wish, now)
        found = verdict(around, new.definition, now)
        require_fit(found)
        verdicts.append(found)
    return tuple(verdicts)


def require_edit_covers(
    definitions: Definitions,
    after: SessionDefinition,
    jobs: Sequence[JobDefinition],
    now: Timestamp,
    most_periods: int | None,
) -> None:
    """Hold an edited session, unused, against its jobs' periods from now on; raise EditNotCovered."""
    gaps = coverage_of_file(after, jobs, definitions.kinds, now, most_periods).gaps if jobs else ()
    if gaps:
        raise EditNotCovered(_lacking(definitions, after, gaps))


def with_session(
    definitions: Definitions, jobs: Iterable[JobDefinition], *sessions: SessionDefinition
) -> Definitions:
    """Return the files as they will be, with these jobs and sessions in the place of others of their name."""
    return replace(
        definitions,
        jobs={**definitions.jobs, **{job.id: job for job in jobs}},
        sessions={**definitions.sessions, **{item.name: item for item in sessions}},
    )


def _require_covered(
    definitions: Definitions, draft: Draft, new: NewSession, wish: Wish, now: Timestamp
) -> None:
    demands = [
        demand_for(
            job,
            definitions.kinds[job.kind],
            periods_of(job, definitions.kinds[job.kind], wish, now),
            headroom_of(job, wish),
        )
        for job in draft.jobs
    ]
    gaps = fresh_gaps(new.definition, demands)
    if gaps:
        raise NotCovered(_lacking(definitions, new.definition, gaps))


def _lacking(definitions: Definitions, session: SessionDefinition, gaps: Sequence[Gap]) -> str:
    words = gap_words(gaps[0], tokens_on(definitions, session.chain_id))
    return f"{session.name} lacks {len(gaps)} of what its jobs can do: {words}"
