"""Is a session fit to be granted? The findings, and a verdict an owner understands, with its number."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import islice

from agent.commands.session_need import DEVNET
from agent.commands.session_new import tokens_on
from agent.commands.session_on_chain import read_on_chain
from agent.commands.session_purpose import purpose_of
from agent.commands.session_words import Tokens, amount_text, most_words, worst_case_words
from agent.definitions.job_sessions import jobs_by_session
from agent.definitions.records import Definitions
from agent.definitions.registry import contracts
from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import Refused
from agent.domain.session import Session
from agent.domain.units import Address, ChainId, Hash32, Timestamp
from agent.pipeline.context import ChainContext
from agent.smart_sessions.digest import ChainDigest
from agent.smart_sessions.lint import Finding, Subject, lint
from agent.smart_sessions.lint.build import unpinned
from agent.smart_sessions.lint.owners import owners_of
from agent.smart_sessions.lint.subject import EnableSignature, Neighbour, OnChain
from agent.smart_sessions.worst_case import WorstCase, worst_case

MAX_NEIGHBOURS = 5


class LintRefused(Refused):
    """Rules refuse the session."""

    code = "session_refused"
    remedy = (
        "see sessionkeeper sessions lint; what is meant so goes under allow_lint: in the session's file, "
        "for sessions new, edit and rotate: --allow-lint RULE --reason TEXT"
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules and the worst case say about one session."""

    session: SessionDefinition
    findings: tuple[Finding, ...]
    worst: WorstCase
    tokens: Tokens
    not_pinned: Mapping[Address, Hash32] = field(default_factory=dict)
    """Its contracts whose code hash nobody pinned, with the hash; empty where no chain was asked."""

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """The findings for which the session may not be granted."""
        return tuple(finding for finding in self.findings if finding.refuses)

    @property
    def is_fit(self) -> bool:
        """Whether the session may be granted."""
        return not self.refusals

    @property
    def words(self) -> tuple[str, ...]:
        """The verdict for the owner: whether it is fit, what a leaked key could cost in all, and by what."""
        rules = ", ".join(dict.fromkeys(finding.rule for finding in self.refusals))
        head = "Fit to be granted." if self.is_fit else f"Not fit to be granted: {rules}."
        return (head, self.sentence, *worst_case_words(self.worst, self.tokens))

    @property
    def sentence(self) -> str:
        """The number: the most that can leave in all, of what, to whom and until when."""
        return most_words(self.worst, self.tokens)


class Surroundings:
    """The files, indexed: which jobs a session has, and which sessions share a key or a salt."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.jobs = jobs_by_session(definitions.jobs.values(), definitions.sessions)
        self._neighbours: dict[bytes, list[Neighbour]] = defaultdict(list)
        for item in definitions.sessions.values():
            neighbour = Neighbour(item.name, item.chain_id, item.account, item.session)
            for mark in _marks(item.session):
                self._neighbours[mark].append(neighbour)
        self._signed_for: dict[tuple[ChainDigest, ...], set[ChainId]] = defaultdict(set)
        for item in definitions.sessions.values():
            if item.enable is not None:
                self._signed_for[item.enable.hashes_and_chain_ids].add(item.chain_id)

    def signatures(self, session: SessionDefinition) -> tuple[EnableSignature, ...]:
        """Return the owner's signature that enables the session, if the files hold one."""
        enable = session.enable
        if enable is None:
            return ()
        chains = tuple(item.chain_id for item in enable.hashes_and_chain_ids)
        explained = frozenset(self._signed_for[enable.hashes_and_chain_ids])
        return (EnableSignature(enable.mode, enable.nonce, chains, explained),)

    def neighbours(self, session: SessionDefinition) -> tuple[Neighbour, ...]:
        """Return other sessions that share a key or the salt, not more than a reader takes in."""
        found = {
            item.name: item
            for mark in _marks(session.session)
            for item in islice(self._neighbours[mark], MAX_NEIGHBOURS)
            if item.name != session.name
        }
        return tuple(found.values())


async def lint_session(
    around: Surroundings, session: SessionDefinition, chain: ChainContext, wall_now: Timestamp
) -> Verdict:
    """Look at a session with what the chain says of it; raise ChainUnavailable."""
    now = wall_now if session.chain_id != DEVNET else (await chain.reader.block("latest")).timestamp
    tokens = tokens_on(around.definitions, session.chain_id)
    return verdict(around, session, now, await read_on_chain(chain, session, tokens))


def verdict(
    around: Surroundings, session: SessionDefinition, now: Timestamp, on_chain: OnChain | None = None
) -> Verdict:
    """Return what the rules say; without `on_chain` those that ask the chain say nothing."""
    subject = subject_of(around, session, now, on_chain)
    allowances = None if on_chain is None else on_chain.allowances
    return Verdict(
        session=session,
        findings=lint(subject, session.allow_lint),
        worst=worst_case(session.session, allowances).repeated(1 + subject.restarts),
        tokens=tokens_on(around.definitions, session.chain_id),
        not_pinned=dict(unpinned(subject)),
    )


def subject_of(
    around: Surroundings, session: SessionDefinition, now: Timestamp, on_chain: OnChain | None
) -> Subject:
    """Put together what the rules look at."""
    definitions = around.definitions
    tokens = tokens_on(definitions, session.chain_id)
    own_keys = {key.address for name, key in definitions.keys.items() if name in session.keys}
    return Subject(
        session=session.session,
        account=session.account,
        chain_id=session.chain_id,
        smart_session=session.smart_session,
        # The local chain's clock may be moved anywhere: how long a session lasts says nothing there.
        now=None if session.chain_id == DEVNET else now,
        purpose=purpose_of(session, around.jobs[session.name], definitions.kinds, now),
        neighbours=around.neighbours(session),
        own_keys=frozenset(own_keys),
        code_hashes=_pinned(definitions, session.chain_id),
        chain_ids=frozenset(definitions.chains),
        signatures=around.signatures(session),
        is_revoked=session.revoked_at is not None,
        on_chain=on_chain,
        name_of=lambda token: _name(token, tokens),
        amount=lambda units, token: amount_text(units, token, tokens),
    )


def require_fit(found: Verdict) -> None:
    """Raise LintRefused with the first finding that refuses."""
    if not found.is_fit:
        first, *more = found.refusals
        others = f", and {len(more)} more" if more else ""
        raise LintRefused(f"{found.session.name}: {first.rule} {first.sentence}; {first.remedy}{others}")


def _marks(session: Session) -> Iterator[bytes]:
    yield session.salt
    found = owners_of(session)
    yield from found.addresses if found else ()


def _pinned(definitions: Definitions, chain_id: ChainId) -> Mapping[Address, Hash32]:
    chain = definitions.chains.get(chain_id)
    return {**_audited(), **chain.code_hashes} if chain else _audited()


@cache
def _audited() -> Mapping[Address, Hash32]:
    known = contracts().values()
    return {facts.address: facts.code_hash for facts in known if facts.code_hash is not None}


def _name(token: Address | None, tokens: Tokens) -> str:
    if token is None:
        return "the chain's coin"
    return tokens[token].symbol if token in tokens else str(token)
