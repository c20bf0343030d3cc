"""Files beside those of `sessions/`: an owner's signature that enables a session, for its user alone."""

import stat
from dataclasses import replace

import orjson

from agent.definitions.files import Folder
from agent.definitions.sessions import SessionDefinition
from agent.definitions.source import Report
from agent.domain.job import Place
from agent.smart_sessions.digest import session_digest
from agent.smart_sessions.enable_json import enable_grant_from_json
from agent.smart_sessions.enabling import EnableGrant

MAX_BYTES = 1 << 20
FIX = "remove the file and let the owner sign anew: sessionkeeper sessions grant --typed-data"


def enable_file(name: str) -> str:
    """Return where a session's enable signature is kept, inside the folder of the files."""
    return f"sessions/{name}.enable.json"


def with_enable(folder: Folder, session: SessionDefinition, report: Report) -> SessionDefinition:
    """Return the session with its enable signature, if there is one; note what is wrong with its file."""
    name = enable_file(session.name)
    path = folder.root / name
    if not path.exists():
        return session
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        message, fix = "others may read or change the enable signature", f"chmod 600 {path}"
        report.add(Place(name), "enable_file_open", message, fix)
    text = folder.text(name, MAX_BYTES, report)
    if text is None:
        return session
    try:
        enable = enable_grant_from_json(orjson.loads(text))
        require_same_session(session, enable)
    except ValueError as error:
        reason = "it is not JSON" if isinstance(error, orjson.JSONDecodeError) else str(error)
        report.add(Place(name), "enable_file", reason, FIX)
        return session
    return replace(session, enable=enable)


def require_same_session(session: SessionDefinition, enable: EnableGrant) -> None:
    """Raise ValueError when the signature is for another session, account, module or chain."""
    entry = enable.hashes_and_chain_ids[enable.chain_digest_index]
    if entry.chain_id != session.chain_id:
        raise ValueError(f"it is for chain {entry.chain_id}, the session for chain {session.chain_id}")
    granted = session.session
    expected = session_digest(granted, session.account, session.smart_session, enable.nonce, enable.mode)
    if entry.session_digest != expected:
        raise ValueError("it is for another session than the one in the file, or for another account")
