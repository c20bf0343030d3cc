"""What owners sign to end the sessions under a kill for good, written where they find it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import assert_never

from agent.commands.session_payload import payload_document
from agent.commands.session_revoke import revoke_calls
from agent.definitions.records import Definitions
from agent.definitions.sessions import SessionDefinition
from agent.definitions.succession import in_use
from agent.domain.errors import StoreUnavailable
from agent.domain.hold import AccountScope, AllScope, ChainScope, JobScope, Scope, SessionScope, scopes_over

FOLDER = "revoke"


def write_payloads(folder: Path, definitions: Definitions, scopes: Iterable[Scope]) -> tuple[Path, ...]:
    """Write `NAME.json` for every session under the scopes and return the files; raise StoreUnavailable.

    Each holds `removeSession` and `revokeEnableSignature`, one by one and as one `execute` of the account.
    """
    wanted = tuple(scopes)
    found = [item for item in definitions.sessions.values() if _is_under(definitions, item, wanted)]
    try:
        if found:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tuple(_write(folder / f"{session.name}.json", payload(session)) for session in found)
    except OSError as error:
        raise StoreUnavailable(f"{folder} cannot be written: {error.strerror}") from error


def reaches(definitions: Definitions, scope: Scope) -> bool:
    """Say whether a job or a session of the files is under the scope."""
    jobs = definitions.jobs.values()
    return any(_holds(definitions, scope, session) for session in definitions.sessions.values()) or any(
        scope in scopes_over(job.chain_id, job.account, job.id, ()) for job in jobs
    )


def payload(session: SessionDefinition) -> Mapping[str, object]:
    """Return the owner's calls for one session; nothing of a chain is asked."""
    return {
        "name": session.name,
        "chain_id": session.chain_id,
        "account": str(session.account),
        "permission_id": str(session.permission_id),
        **payload_document(session.account, revoke_calls(session)),
    }


def _is_under(definitions: Definitions, session: SessionDefinition, scopes: Iterable[Scope]) -> bool:
    return session.revoked_at is None and any(_holds(definitions, scope, session) for scope in scopes)


def _holds(definitions: Definitions, scope: Scope, session: SessionDefinition) -> bool:
    match scope:
        case AllScope():
            return True
        case ChainScope(chain_id):
            return session.chain_id == chain_id
        case AccountScope(chain_id, account):
            return (session.chain_id, session.account) == (chain_id, account)
        case SessionScope(chain_id, account, permission):
            return (session.chain_id, session.account, session.permission_id) == (
                chain_id,
                account,
                permission,
            )
        case JobScope(job_id):
            return session.name in _sessions_of(definitions, job_id)
        case _:
            assert_never(scope)


def _sessions_of(definitions: Definitions, job_id: str) -> Iterator[str]:
    job = definitions.jobs.get(job_id)
    lines = {} if job is None else in_use(definitions.sessions, job.sessions)
    yield from (session.name for line in lines.values() for session in line)


def _write(path: Path, document: Mapping[str, object]) -> Path:
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return new.replace(path)
