"""The permission id of a session in a file, and the digests its owner signs."""

from dataclasses import dataclass

from agent.commands.json_document import DocumentError, json_object
from agent.domain.session import Session
from agent.domain.units import Address, ChainId, Hash32
from agent.smart_sessions.digest import ChainDigest, Mode, multichain_digest, session_digest
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.session_json import session_from_json


@dataclass(frozen=True, slots=True)
class SessionDigests:
    """What an owner signs to enable a session in an operation's signature."""

    permission_id: Hash32
    session_digest: Hash32
    """As `getSessionDigest` of the contract returns it."""
    multichain_digest: Hash32
    """The typed-data hash that the owner signs when the session is for this chain alone."""


def session_in(text: str, source: str) -> Session:
    """Read a session document; raise DocumentError naming what is wrong."""
    form = json_object(text, source)
    try:
        return session_from_json(form)
    except ValueError as error:
        raise DocumentError(source, str(error)) from error


def session_digests(
    session: Session, account: Address, nonce: int, chain_id: ChainId, smart_session: Address, mode: Mode
) -> SessionDigests:
    """Return the digests for one account and chain; `nonce` is the contract's `getNonce`."""
    digest = session_digest(session, account, smart_session, nonce, mode)
    return SessionDigests(
        permission_id=permission_id(session),
        session_digest=digest,
        multichain_digest=multichain_digest([ChainDigest(chain_id, digest)]),
    )
