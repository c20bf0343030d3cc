"""Keep enable signatures beside their sessions, for the agent's user alone, and say which are still good."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.commands.session_grant import grant_of
from agent.definitions.enable_files import enable_file
from agent.definitions.session_store import HISTORY
from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.units import Wei
from agent.pipeline.context import ChainContext
from agent.ports import CallFailed
from agent.smart_sessions.enable_json import enable_grant_to_json
from agent.smart_sessions.enabling import EnableGrant, Readiness, readiness, readiness_reads
from agent.smart_sessions.encoding import revoke_enable_signature_call

PRIVATE = 0o600


class SignatureState(StrEnum):
    """What an enable signature can still do."""

    UNUSED = "unused"
    """The session's first operation will use it."""
    SPARE = "spare"
    """The session is enabled without it: it still works, and would start the counters anew."""
    USED = "used"
    """The session is enabled; the signature works no more."""
    VOID = "void"
    """Used or revoked, and the session is not enabled."""

    @property
    def still_works(self) -> bool:
        """Whether whoever has it may enable the session."""
        return self in {SignatureState.UNUSED, SignatureState.SPARE}


@dataclass(frozen=True, slots=True)
class KeptSignature:
    """An enable signature of the files, and how its owner voids it."""

    session: SessionDefinition
    state: SignatureState
    revoke: Call
    """For the account to make."""
    is_set_aside: bool = False
    """It grants the session as it was before an edit: the agent never uses it, others may."""


def keep(root: Path, session: SessionDefinition, enable: EnableGrant) -> Path:
    """Write the signature beside the session's file, whole or not at all; return where."""
    path = root / enable_file(session.name)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    # Nobody else may read it, not even for a moment.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(enable_grant_to_json(enable), indent=2) + "\n")
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    return path


def set_aside(root: Path, session: SessionDefinition) -> Path | None:
    """Put the signature of a session that was changed since into the history; None where there is none."""
    path = root / enable_file(session.name)
    if session.enable is None or not path.exists():
        return None
    kept = path.parent / HISTORY / f"{session.name}.{session.enable.nonce}.enable.json"
    kept.parent.mkdir(exist_ok=True)
    return path.replace(kept)


def set_aside_nonces(root: Path, name: str) -> frozenset[int]:
    """Return the enable nonces of the signatures that edits of the session put into the history."""
    folder = (root / enable_file(name)).parent / HISTORY
    found = (path.name.split(".")[1] for path in folder.glob(f"{name}.*.enable.json"))
    return frozenset(int(nonce) for nonce in found if nonce.isdecimal())


async def kept_signatures(
    chain: ChainContext, root: Path, session: SessionDefinition
) -> tuple[KeptSignature, ...]:
    """Return the session's enable signatures as the chain sees them, the one in use first."""
    apart = set_aside_nonces(root, session.name)
    if session.enable is None and not apart:
        return ()
    grant = grant_of(session)
    answers = await chain.reader.calls(readiness_reads(grant), "latest")
    found = readiness(grant, [None if isinstance(item, CallFailed) else item for item in answers])
    used = () if session.enable is None else (KeptSignature(
        session, state_of(session.enable.nonce, found), void_call(session)
    ),)  # fmt: skip
    return (
        *used,
        *(
            KeptSignature(session, state_of(nonce, found), void_call(session), is_set_aside=True)
            for nonce in sorted(apart)
        ),
    )


def void_call(session: SessionDefinition) -> Call:
    """Return what the account calls so that no signature of the current nonce works any more."""
    return Call(session.smart_session, Wei(0), revoke_enable_signature_call(session.permission_id))


def state_of(nonce: int, found: Readiness) -> SignatureState:
    """Return what a signature of that enable nonce can still do."""
    states: Mapping[tuple[bool, bool], SignatureState] = {
        (False, True): SignatureState.UNUSED,
        (True, True): SignatureState.SPARE,
        (True, False): SignatureState.USED,
        (False, False): SignatureState.VOID,
    }
    return states[found.is_enabled, found.nonce == nonce]
