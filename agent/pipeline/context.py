"""What a job's occurrences are worked on with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.domain.hold import Scope, scopes_over
from agent.domain.job import FeeCaps, JobDefinition, SendBy
from agent.domain.paymaster import PaymasterRules
from agent.domain.session import Session
from agent.domain.standing import Standing
from agent.domain.token import Token
from agent.domain.units import Address, Hash32
from agent.erc4337.bundler_actions import SENDER_CAP
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import AccountKind
from agent.pipeline.gate import Gate
from agent.pipeline.kept_limits import KeptLimits
from agent.ports import Bundler, ChainReader, Clock, HeadStream, Journal, Paymaster, SessionSigner
from agent.smart_sessions.checker import Checker
from agent.smart_sessions.enabling import EnableGrant
from agent.smart_sessions.owners import SessionOwner
from jobs.kind import AnyKind


@dataclass(frozen=True, slots=True)
class Payer:
    """A paymaster, and what the operator lets it do."""

    rules: PaymasterRules
    paymaster: Paymaster


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Each machine behind a chain by itself, by name, for whoever looks after them; the pipeline does not."""

    nodes: Mapping[str, ChainReader] = field(default_factory=dict)
    bundlers: Mapping[str, Bundler] = field(default_factory=dict)
    standings: Callable[[], Sequence[Standing]] = tuple
    """How every one of them has answered."""


NO_ENDPOINTS = Endpoints()
SENDS_AT_ONCE = 64
"""Few enough for a bundler's queue."""


@dataclass(frozen=True, slots=True)
class ChainContext:
    """One chain, its bundlers in order of preference, and its EntryPoint."""

    reader: ChainReader
    bundlers: Sequence[Bundler]
    """Those that may get bytes now, the one to ask first at the front: health changes them."""
    entry_point: Address
    version: EntryPointVersion
    tokens: Mapping[Address, Token] = field(default_factory=dict)
    """By address, for the words in which refusals are told."""
    payers: Mapping[str, Payer] = field(default_factory=dict)
    """Paymasters by the names that jobs give in `pay_gas_by`."""
    agreement: ChainReader | None = None
    """Answers that enough nodes give alike; None where one node is all there is."""
    endpoints: Endpoints = NO_ENDPOINTS
    max_head_age_s: int | None = None
    """On an older head nothing is sent; None where any will do."""
    sender_cap: int = SENDER_CAP
    """Operations of one account that may be on their way at once."""
    stream: HeadStream | None = None
    """What tells of new heads between polls."""
    private_bundlers: Sequence[Bundler] = ()
    """Those that keep what they get to themselves."""
    kept_limits: KeptLimits | None = None
    """Gas limits estimated before; None where each operation is estimated anew."""

    def sending_by(self, choice: SendBy) -> "ChainContext":
        """Return the chain as a job has it that sends this way: it knows no other bundlers."""
        if choice is SendBy.PUBLIC:
            return self
        if not self.private_bundlers:
            raise ValueError("a job sends privately and its chain has no private bundler")
        return replace(self, bundlers=self.private_bundlers)

    @property
    def agreed(self) -> ChainReader:
        """What decides about money is read here: nonces, ends of operations, our logs, receipts, finality."""
        return self.agreement or self.reader


@dataclass(frozen=True, slots=True)
class SessionContext:
    """A session as it was granted, and the keys that sign under it."""

    name: str
    session: Session
    permission_id: Hash32
    smart_session: Address
    """The module it was granted on."""
    owner: SessionOwner
    signers: tuple[SessionSigner, ...]
    """As many as the owner's threshold."""
    checker: Checker
    """Decides what it has room for; holds the grant."""
    enable: EnableGrant | None = None
    """The owner's signature that lets its first operation enable it; None where there is none."""


SessionLine = tuple[SessionContext, ...]
"""A session the job names and those that took over from it, oldest first; none that was revoked."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """A job with everything its occurrences need; nothing here changes while the worker runs."""

    definition: JobDefinition
    kind: AnyKind
    chain: ChainContext
    session: SessionContext
    """The one to sign under: for an attempt the one chosen for it, before that the first of all."""
    account_kind: AccountKind
    nonce_key: int
    caps: FeeCaps
    """The job's caps, with the chain's where the job has none."""
    lines: tuple[SessionLine, ...] = ()
    """By session that the job names, in the order of its file; empty stands for `session` alone."""

    @property
    def sessions(self) -> tuple[SessionContext, ...]:
        """Every session the job may sign under, each once."""
        every = [session for line in self.lines for session in line] or [self.session]
        return tuple({session.name: session for session in every}.values())

    def under(self, session: SessionContext) -> "JobContext":
        """Return the job as it is worked on under one of its sessions."""
        return self if session is self.session else replace(self, session=session)


def scopes_of(job: JobContext, *sessions: Hash32) -> tuple[Scope, ...]:
    """Return every scope that stops the job's work under these sessions."""
    definition = job.definition
    return tuple(scopes_over(definition.chain_id, definition.account, definition.id, sessions))


async def as_it_is(job: JobContext) -> JobContext:
    """Leave a job all its sessions."""
    return job


@dataclass(frozen=True, slots=True)
class Services:
    """What every step of every job shares."""

    journal: Journal
    clock: Clock
    gate: Gate = field(default_factory=Gate)
    """Passed by whatever is prepared, signed or sent; an open one where nothing can be stopped."""
    sends: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SENDS_AT_ONCE))
    """Held by whatever goes out, from its record to its answer."""
    first_use: Callable[[JobContext], Awaitable[JobContext]] = as_it_is
    """Returns a job with those sessions alone that may be used already; raises Unavailable without any."""
