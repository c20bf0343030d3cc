"""Who may own a session: one module for each kind of session validator."""

from agent.smart_sessions.owners import passkey, threshold
from agent.smart_sessions.owners.owner import Probe, SessionOwner, SessionValidator

ENTRY_POINT_GROUP = "sessionkeeper.session_validators"
"""Under which other packages bring theirs: each entry is a SessionValidator under its name."""

VALIDATORS: tuple[SessionValidator, ...] = (*threshold.VALIDATORS, *passkey.VALIDATORS)
"""The agent's own."""

__all__ = ["ENTRY_POINT_GROUP", "VALIDATORS", "Probe", "SessionOwner", "SessionValidator"]
