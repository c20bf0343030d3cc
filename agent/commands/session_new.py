"""Make the least-privilege sessions of a job file and write them beside it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.commands.session_derive import derived_session
from agent.commands.session_need import UnfitSession, Wish, session_need
from agent.commands.session_words import Tokens, worst_case_words
from agent.definitions.drafts import Draft
from agent.definitions.records import Definitions, KeyDefinition
from agent.definitions.session_store import create_session_file
from agent.definitions.session_writer import session_file
from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import ConfigError, NotFound
from agent.domain.job import Place
from agent.domain.session import Session
from agent.domain.units import ChainId, Hash32, Timestamp
from agent.smart_sessions.addresses import SMART_SESSION, WEB_AUTHN_VALIDATOR
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.owners.passkey_data import PasskeyData, encode_passkey
from agent.smart_sessions.worst_case import WorstCase, worst_case


class SessionExists(ConfigError):
    """A session file of that name is there already."""

    code = "session_exists"
    remedy = "a granted session is never encoded anew: name another session in the job"


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that waits to be granted."""

    definition: SessionDefinition
    path: Path
    worst: WorstCase
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """The content of its file."""
        head = "The session exactly as it is granted, never encoded anew; made by: sessionkeeper sessions new"
        return session_file(self.definition, (head, *self.words))


@dataclass(frozen=True, slots=True)
class Times:
    """By what time jobs are due, and what the clock on the wall says."""

    now: Timestamp
    wall_now: Timestamp


def new_sessions(
    definitions: Definitions,
    drafts: tuple[Draft, ...],
    key_name: str | None,
    wish: Wish,
    times: Times,
    salt: Callable[[], Hash32],
) -> tuple[NewSession, ...]:
    """Return the sessions to write; raise SessionExists, NotFound (the key) or UnfitSession."""
    key = session_key(definitions, key_name)
    return tuple(_new(definitions, draft, key, wish, times, salt()) for draft in drafts)


def write_sessions(sessions: tuple[NewSession, ...]) -> None:
    """Write all files, each whole or not at all and none over another; raise SessionExists."""
    for session in sessions:
        try:
            create_session_file(session.path, session.text)
        except FileExistsError:
            raise SessionExists(f"{session.path} exists") from None


def session_key(definitions: Definitions, name: str | None) -> KeyDefinition:
    """Return the key of that name, or the only one; raise NotFound or ConfigError."""
    if name is None and len(definitions.keys) != 1:
        known = ", ".join(sorted(definitions.keys)) or "none"
        raise ConfigError(f"say which key the session is for with --key; there are: {known}")
    key = next(iter(definitions.keys.values())) if name is None else definitions.keys.get(name)
    if key is None:
        raise NotFound(f"there is no key {name!r} in the files")
    return key


def _owned(session: Session, key: KeyDefinition) -> Session:
    if key.public_key is None:
        return session
    # Checked by the library that is part of the validator: not every chain has the precompile.
    passkey = PasskeyData(key.public_key, use_precompile=False)
    return replace(
        session,
        session_validator=WEB_AUTHN_VALIDATOR,
        session_validator_init_data=encode_passkey(passkey),
    )


def tokens_on(definitions: Definitions, chain_id: ChainId) -> Tokens:
    """Return the chain's tokens by address."""
    chain = definitions.chains.get(chain_id)
    named = chain.tokens.values() if chain else ()
    return {token.address: token for token in named if token.address is not None}


def _new(
    definitions: Definitions, draft: Draft, key: KeyDefinition, wish: Wish, times: Times, salt: Hash32
) -> NewSession:
    path = definitions.root / "sessions" / f"{draft.session}.yaml"
    if draft.session in definitions.sessions or path.exists():
        raise SessionExists(f"there is a session {draft.session!r} already")
    if draft.account == key.address:
        raise UnfitSession(f"the key {key.name} is the account {draft.account} itself")
    need = session_need(draft, definitions.kinds, wish, times.now, times.wall_now)
    session = _owned(derived_session(need, key.address, salt), key)
    definition = SessionDefinition(
        name=draft.session,
        chain_id=draft.chain_id,
        account=draft.account,
        account_kind=draft.account_kind,
        key=key.name,
        smart_session=SMART_SESSION,
        session=session,
        permission_id=permission_id(session),
        place=Place(f"sessions/{draft.session}.yaml"),
        made_at=times.now,
        headroom=wish.headroom,
        uses=wish.uses,
        allow_lint=wish.allow_lint,
        allow_lint_reason=wish.allow_lint_reason,
    )
    worst = worst_case(session)
    return NewSession(
        definition, path, worst, worst_case_words(worst, tokens_on(definitions, draft.chain_id))
    )
