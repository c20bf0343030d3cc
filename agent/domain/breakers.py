"""Breakers: when what the journal and the chain show is so unusual that a person has to look first. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from agent.domain.hold import AccountScope, ChainScope, JobScope, Scope, scopes_over
from agent.domain.token import TokenAmount
from agent.domain.units import Address, ChainId, Timestamp, Wei

SPEND, OPERATIONS, REVERTS = "breaker_spend", "breaker_operations", "breaker_reverts"
ERRORS, FEES, CLOCK = "breaker_errors", "breaker_fees", "breaker_clock"


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """What is unusual on a chain; zero, or none named, turns a breaker off."""

    spend: tuple[TokenAmount, ...] = ()
    """The most one account signs away of each token within `spend_within_s`."""
    operations: int = 120
    """The most operations one job signs within `spend_within_s`."""
    spend_within_s: int = 3_600
    reverts: int = 5
    """So many operations of a job that reverted, and no fewer than those that did not."""
    reverts_within_s: int = 21_600
    errors: int = 20
    """So many refusals of what was signed or about to be."""
    errors_within_s: int = 600
    fee_factor: int = 10
    """The base fee against its own median of late."""
    fee_floor_wei: Wei = Wei(10**9)
    """A base fee below this is never a spike."""
    clock_skew_s: int = 600
    """Between new blocks and this machine."""

    @property
    def longest_s(self) -> int:
        """How far back anything is looked at."""
        return max(self.spend_within_s, self.reverts_within_s, self.errors_within_s)


class FactKind(Enum):
    """What happened to an operation."""

    SIGNED = auto()
    INCLUDED = auto()
    REVERTED = auto()
    ERROR = auto()


@dataclass(frozen=True, slots=True)
class Fact:
    """One journaled thing that a breaker counts."""

    at: Timestamp
    kind: FactKind
    chain_id: ChainId
    account: Address
    job_id: str
    spent: Mapping[Address | None, int] = field(default_factory=dict)
    """Of what was signed: the most that leaves, by token, None for the chain's own coin."""
    code: str = ""
    """Of an error."""


@dataclass(frozen=True, slots=True)
class Trip:
    """A breaker that has to be reset by a person."""

    scope: Scope
    code: str
    sentence: str
    """What is, and what is allowed, with both numbers."""


Resets = Mapping[tuple[Scope, str], Timestamp]
"""When a person last reset a breaker: what was before does not count again."""


def trips(
    facts: Sequence[Fact], limits: Mapping[ChainId, BreakerLimits], resets: Resets, now: Timestamp
) -> Iterator[Trip]:
    """Yield every breaker that these facts trip, each with the smallest scope that holds its cause."""
    for chain_id, allowed in limits.items():
        here = [fact for fact in facts if fact.chain_id == chain_id]
        window = _Window(here, resets, now)
        yield from _spend(window, chain_id, allowed)
        yield from _reverts(window, allowed)
        yield from _errors(window, chain_id, allowed)


@dataclass(frozen=True, slots=True)
class _Window:
    facts: Sequence[Fact]
    resets: Resets
    now: Timestamp

    def of(self, scope: Scope, code: str, within_s: int, *kinds: FactKind) -> list[Fact]:
        """Return what counts for one breaker of one scope; a reset of any scope around a fact ends it."""
        since = self.now - within_s
        return [
            fact
            for fact in self.facts
            if fact.kind in kinds and _is_in(fact, scope) and fact.at > max(since, self._reset(fact, code))
        ]

    def _reset(self, fact: Fact, code: str) -> int:
        around = scopes_over(fact.chain_id, fact.account, fact.job_id, ())
        return max(self.resets.get((scope, code), 0) for scope in around)

    @property
    def jobs(self) -> list[str]:
        """Return every job that has facts."""
        return sorted({fact.job_id for fact in self.facts})

    @property
    def accounts(self) -> list[Address]:
        """Return every account that has facts."""
        return sorted({fact.account for fact in self.facts})


def _is_in(fact: Fact, scope: Scope) -> bool:
    match scope:
        case JobScope(job_id):
            return fact.job_id == job_id
        case AccountScope(_, account):
            return fact.account == account
        case _:
            return True


def _spend(window: _Window, chain_id: ChainId, allowed: BreakerLimits) -> Iterator[Trip]:
    within = duration_text(allowed.spend_within_s)
    for job_id in window.jobs if allowed.operations else ():
        scope = JobScope(job_id)
        count = len(window.of(scope, OPERATIONS, allowed.spend_within_s, FactKind.SIGNED))
        if count > allowed.operations:
            words = f"{count} operations signed within {within}, at most {allowed.operations} are usual"
            yield Trip(scope, OPERATIONS, words)
    for account in window.accounts if allowed.spend else ():
        holder = AccountScope(chain_id, account)
        signed = window.of(holder, SPEND, allowed.spend_within_s, FactKind.SIGNED)
        for most in allowed.spend:
            units = sum(fact.spent.get(most.token.address, 0) for fact in signed)
            if units > most.base_units:
                words = (
                    f"{TokenAmount(most.token, units)} signed away within {within}, at most {most} are usual"
                )
                yield Trip(holder, SPEND, words)


def _reverts(window: _Window, allowed: BreakerLimits) -> Iterator[Trip]:
    for job_id in window.jobs if allowed.reverts else ():
        scope = JobScope(job_id)
        seen = window.of(scope, REVERTS, allowed.reverts_within_s, FactKind.REVERTED, FactKind.INCLUDED)
        reverted = sum(fact.kind is FactKind.REVERTED for fact in seen)
        if reverted >= allowed.reverts and 2 * reverted >= len(seen):
            within = duration_text(allowed.reverts_within_s)
            words = (
                f"{reverted} of {len(seen)} operations reverted within {within}, {allowed.reverts} stop a job"
            )
            yield Trip(scope, REVERTS, words)


def _errors(window: _Window, chain_id: ChainId, allowed: BreakerLimits) -> Iterator[Trip]:
    """Stop the jobs that are the burst by themselves; of what is left the accounts; then the chain."""
    if not allowed.errors:
        return
    told: set[Scope] = set()
    scopes: list[Scope] = [
        *map(JobScope, window.jobs),
        *(AccountScope(chain_id, account) for account in window.accounts),
        ChainScope(chain_id),
    ]
    for scope in scopes:
        found = window.of(scope, ERRORS, allowed.errors_within_s, FactKind.ERROR)
        left = [fact for fact in found if not any(_is_in(fact, one) for one in told)]
        if len(left) >= allowed.errors:
            told.add(scope)
            ((code, most),) = Counter(fact.code for fact in left).most_common(1)
            within = duration_text(allowed.errors_within_s)
            words = f"{len(left)} refusals within {within}, {most} of them {code}; {allowed.errors} stop it"
            yield Trip(scope, ERRORS, words)


def duration_text(seconds: int) -> str:
    """Write a duration as the files do."""
    for unit_s, name in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds and seconds % unit_s == 0:
            return f"{seconds // unit_s}{name}"
    return f"{seconds}s"
