"""Holds: what may send nothing until somebody lets it go, and since when a session counts anew."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from agent.domain.units import Address, ChainId, Hash32, Timestamp

_JOB_ID = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_CHAIN_ID = re.compile(r"[0-9]{1,78}", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobScope:
    """One job."""

    job_id: str

    def __str__(self) -> str:
        return f"job:{self.job_id}"


@dataclass(frozen=True, slots=True)
class SessionScope:
    """One session on one account; two accounts may know the same permission id."""

    chain_id: ChainId
    account: Address
    permission_id: Hash32

    def __str__(self) -> str:
        return f"session:{self.chain_id}/{self.account}/{self.permission_id}"


@dataclass(frozen=True, slots=True)
class AccountScope:
    """Every job of one account on one chain."""

    chain_id: ChainId
    account: Address

    def __str__(self) -> str:
        return f"account:{self.chain_id}/{self.account}"


@dataclass(frozen=True, slots=True)
class ChainScope:
    """Every job of one chain."""

    chain_id: ChainId

    def __str__(self) -> str:
        return f"chain:{self.chain_id}"


@dataclass(frozen=True, slots=True)
class AllScope:
    """Everything of this journal."""

    def __str__(self) -> str:
        return "all"


Scope = JobScope | SessionScope | AccountScope | ChainScope | AllScope


def scopes_over(
    chain_id: ChainId, account: Address, job_id: str, sessions: Iterable[Hash32]
) -> Iterator[Scope]:
    """Yield every scope whose hold stops what a job of an account does under these sessions, widest first."""
    yield AllScope()
    yield ChainScope(chain_id)
    yield AccountScope(chain_id, account)
    yield JobScope(job_id)
    yield from (SessionScope(chain_id, account, session) for session in sessions)


def scope_from_text(text: str) -> Scope:
    """Read what `str` made of a scope; raise ValueError on anything else."""
    kind, _, name = text.partition(":")
    parts = name.split("/")
    match kind, len(parts):
        case "all", _ if not name:
            return AllScope()
        case "job", 1 if _JOB_ID.fullmatch(name):
            return JobScope(name)
        case "chain", 1 if _CHAIN_ID.fullmatch(name):
            return ChainScope(ChainId(int(name)))
        case "account", 2 if _CHAIN_ID.fullmatch(parts[0]):
            return AccountScope(ChainId(int(parts[0])), Address.from_hex(parts[1]))
        case "session", 3 if _CHAIN_ID.fullmatch(parts[0]):
            return SessionScope(ChainId(int(parts[0])), Address.from_hex(parts[1]), Hash32.from_hex(parts[2]))
        case _:
            raise ValueError(f"{text!r} is no scope")


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a scope takes no step towards the network; one per scope and code."""

    scope: Scope
    code: str
    """Stable; documented."""
    reason: str
    at: Timestamp
    subject: str = ""
    """What exactly was found, so that a person can accept that and nothing else."""
    released_at: Timestamp | None = None
    release_reason: str = ""
    accepted: bool = False
    """Released although what it names is still so: the same finding holds nothing again."""

    @property
    def active(self) -> bool:
        """Whether it still holds."""
        return self.released_at is None

    def released(self, reason: str, at: Timestamp, *, accepted: bool) -> "Hold":
        """Return the hold after somebody let it go."""
        return replace(self, released_at=at, release_reason=reason, accepted=accepted)


@dataclass(frozen=True, slots=True)
class Epoch:
    """From which block on a session's counters began anew; the first one has number 1."""

    session: SessionScope
    number: int
    from_block: int
    enable_nonce: int
    """`getNonce` of the module when it was last looked at: a move means that signatures were revoked."""


@dataclass(frozen=True, slots=True)
class Watched:
    """How far the sweep of a chain got, and every epoch it saw, oldest first."""

    swept_to: int | None = None
    epochs: tuple[Epoch, ...] = ()

    def newest(self) -> dict[SessionScope, Epoch]:
        """Return the epoch that each session is in."""
        return {epoch.session: epoch for epoch in self.epochs}


@dataclass(frozen=True, slots=True)
class Burn:
    """What failed operations used of one limit in one epoch, at most; the chain counts it all the same."""

    limit_key: str
    epoch: int
    amount: int


@dataclass(frozen=True, slots=True)
class FailedUse:
    """What one operation that was included and reverted had reserved of one limit."""

    user_op_hash: Hash32
    limit_key: str
    session: SessionScope
    amount: int
    block: int


def burns(uses: Iterable[FailedUse], epochs: Iterable[Epoch]) -> tuple[Burn, ...]:
    """Sum what failed operations used, per limit and epoch."""
    by_session: dict[SessionScope, list[Epoch]] = {}
    for epoch in epochs:
        by_session.setdefault(epoch.session, []).append(epoch)
    sums: dict[tuple[str, int], int] = {}
    for use in uses:
        key = use.limit_key, epoch_at(by_session.get(use.session, ()), use.block)
        sums[key] = sums.get(key, 0) + use.amount
    return tuple(Burn(key, number, amount) for (key, number), amount in sorted(sums.items()))


def epoch_at(epochs: Iterable[Epoch], block: int) -> int:
    """Return the epoch in which an operation of a block counted; of the block of a re-enable the new one."""
    return max((epoch.number for epoch in epochs if epoch.from_block <= block), default=1)


def burned_in(found: Iterable[Burn], epoch: int) -> dict[str, int]:
    """Return what failed operations used of each limit in one epoch."""
    return {burn.limit_key: burn.amount for burn in found if burn.epoch == epoch}
