"""Give a session other limits under the same permission id, and say what that makes wider and narrower."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.commands.enable_store import set_aside
from agent.commands.session_change import ChangeWords, change_words
from agent.commands.session_derive import derived_session
from agent.commands.session_need import UnfitSession, Wish, session_need
from agent.commands.session_new import Times, tokens_on
from agent.commands.session_words import worst_case_words
from agent.definitions.drafts import Draft, read_drafts
from agent.definitions.files import Folder
from agent.definitions.records import Definitions
from agent.definitions.session_store import replace_session_file
from agent.definitions.session_writer import session_file
from agent.definitions.sessions import SessionDefinition
from agent.definitions.source import Report
from agent.definitions.succession import lines_of
from agent.domain.errors import ConfigError
from agent.domain.job import JobDefinition
from agent.domain.session import Session
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.worst_case import worst_case


class OtherSession(ConfigError):
    """The edited session has another permission id."""

    code = "permission_id_differs"
    remedy = "an edit keeps validator, key and salt; for another key: sessionkeeper sessions rotate"


class NoJobs(UnfitSession):
    """No job signs under the session."""


@dataclass(frozen=True, slots=True)
class SessionEdit:
    """A session before and after."""

    before: SessionDefinition
    after: SessionDefinition
    path: Path
    changed: ChangeWords
    worst_before: tuple[str, ...]
    worst_after: tuple[str, ...]

    @property
    def is_change(self) -> bool:
        """Whether there is anything to write."""
        return self.after.session != self.before.session

    @property
    def text(self) -> str:
        """The content of the session's new file."""
        head = (
            "The session exactly as it is granted, never encoded anew; made by: sessionkeeper sessions edit"
        )
        return session_file(self.after, (head, *self.worst_after))


def jobs_of(definitions: Definitions, name: str, files: Sequence[str] | None = None) -> Draft:
    """Return the jobs that sign under the session, by the files of jobs/; raise NoJobs without any.

    Raise UnfitSession if they are of another account, DefinitionError with the mistakes of those files.
    Their sessions need not fit the jobs.
    """
    session = definitions.sessions[name]
    chosen = _job_files(definitions) if files is None else files
    drafts = [draft for file in chosen for draft in read_drafts(definitions, file, session.account_kind)]
    lines = lines_of(definitions.sessions, {draft.session for draft in drafts})
    mine = [
        draft for draft in drafts if name in {draft.session, *(item.name for item in lines[draft.session])}
    ]
    jobs = tuple(job for draft in mine for job in draft.jobs)
    if not jobs:
        raise NoJobs(f"no job of {', '.join(chosen) or 'jobs/'} signs under {name}")
    strangers = [job.id for job in jobs if (job.account, job.chain_id) != (session.account, session.chain_id)]
    if strangers:
        raise UnfitSession(f"{', '.join(strangers)} are of another account or chain than the session {name}")
    return Draft(name, session.chain_id, session.account, session.account_kind, jobs)


def allowing(session: SessionDefinition, rules: Sequence[str], reason: str) -> SessionDefinition:
    """Return the session with further lint rules that may be broken; the reason stands for all of them."""
    if not rules:
        return session
    allowed = tuple(dict.fromkeys((*session.allow_lint, *rules)))
    return replace(session, allow_lint=allowed, allow_lint_reason=reason)


def rederived(
    definitions: Definitions,
    before: SessionDefinition,
    jobs: Sequence[JobDefinition],
    wish: Wish,
    times: Times,
) -> SessionDefinition:
    """Return the session with what its jobs need from now on; raise UnfitSession."""
    headroom = before.headroom if wish.headroom is None else wish.headroom
    draft = Draft(before.name, before.chain_id, before.account, before.account_kind, tuple(jobs))
    uses = before.uses if wish.uses is None else wish.uses
    wished = replace(wish, headroom=headroom, uses=uses)
    need = session_need(draft, definitions.kinds, wished, times.now, times.wall_now)
    granted = before.session
    # The key it is derived for gives way to the one the session has.
    session = replace(
        derived_session(need, before.account, granted.salt),
        session_validator=granted.session_validator,
        session_validator_init_data=granted.session_validator_init_data,
        permit_erc4337_paymaster=need.paymaster or granted.permit_erc4337_paymaster,
    )
    return replace(before, session=session, made_at=times.now, headroom=headroom, uses=uses, enable=None)


def rewritten(before: SessionDefinition, session: Session, times: Times) -> SessionDefinition:
    """Return the definition with another session of the same permission id; raise OtherSession."""
    found = permission_id(session)
    if found != before.permission_id:
        raise OtherSession(f"the edited session has the id {found}, {before.name} has {before.permission_id}")
    return replace(before, session=session, made_at=times.now, enable=None)


def edit(definitions: Definitions, before: SessionDefinition, after: SessionDefinition) -> SessionEdit:
    """Put both sessions side by side; nothing is written."""
    tokens = tokens_on(definitions, before.chain_id)
    return SessionEdit(
        before=before,
        after=after,
        path=definitions.root / before.place.file,
        changed=change_words(before.session, after.session, tokens),
        worst_before=worst_case_words(worst_case(before.session), tokens),
        worst_after=worst_case_words(worst_case(after.session), tokens),
    )


def write_edit(made: SessionEdit) -> Path:
    """Put the new file in the old one's place and return where the old one is kept."""
    # What its owner signed was the session of before.
    set_aside(made.path.parent.parent, made.before)
    return replace_session_file(made.path, made.text)


def _job_files(definitions: Definitions) -> tuple[str, ...]:
    listed = Folder(definitions.root).listing("jobs", Report())
    return tuple(name.removeprefix("jobs/") for name in listed)
