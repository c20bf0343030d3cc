"""What a job's occurrences are worked on with."""

from dataclasses import dataclass

from agent.domain.job import FeeCaps, JobDefinition
from agent.domain.session import Session
from agent.domain.units import Address, Hash32
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import AccountKind
from agent.ports import Bundler, ChainReader, Clock, Journal, SessionSigner
from agent.smart_sessions.owners import SessionOwner
from jobs.kind import AnyKind


@dataclass(frozen=True, slots=True)
class ChainContext:
    """One chain, its bundlers in order of preference, and its EntryPoint."""

    reader: ChainReader
    bundlers: tuple[Bundler, ...]
    entry_point: Address
    version: EntryPointVersion


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


@dataclass(frozen=True, slots=True)
class JobContext:
    """A job with everything its occurrences need; nothing here changes while the worker runs."""

    definition: JobDefinition
    kind: AnyKind
    chain: ChainContext
    session: SessionContext
    account_kind: AccountKind
    nonce_key: int
    caps: FeeCaps
    """The job's caps, with the chain's where the job has none."""


@dataclass(frozen=True, slots=True)
class Services:
    """What every step of every job shares."""

    journal: Journal
    clock: Clock
