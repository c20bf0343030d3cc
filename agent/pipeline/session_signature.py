"""The signature field of an operation: under a session that is enabled, or that it enables first. Pure."""

from agent.domain.errors import Bug
from agent.pipeline.context import SessionContext
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.signature import first_use_signature, use_signature


def session_signature(session: SessionContext, mode: Mode, inner: bytes) -> bytes:
    """Return the field around the session owner's own signature, or around its stub."""
    if mode is Mode.USE:
        return use_signature(session.permission_id, inner)
    if session.enable is None:
        raise Bug(f"session {session.name}: nobody signed what would enable it")
    return first_use_signature(session.enable.enable(session.session), inner, mode)
