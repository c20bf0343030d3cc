"""What a replayed job may spend: the limits of its sessions as granted, its fee caps, its own caps. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.commands.plan_fires import TYPICAL_GAS, Pricing, operation_of
from agent.commands.session_grant import grant_of
from agent.commands.session_usage import LimitLine, limit_lines
from agent.definitions.sessions import SessionDefinition
from agent.domain.budget import Cleared, Violation
from agent.domain.call import Call
from agent.domain.job import JobDefinition
from agent.domain.operation import Fees, GasLimits
from agent.domain.units import Gas, Timestamp, Wei
from agent.erc4337.gas import worst_case_cost_wei
from agent.smart_sessions.grant import Counters, Grant, as_granted
from agent.smart_sessions.preflight import preflight
from agent.smart_sessions.reverts import Revert

TYPICAL = Gas(
    TYPICAL_GAS.call_gas_limit + TYPICAL_GAS.verification_gas_limit + TYPICAL_GAS.pre_verification_gas
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is paid."""

    code: str
    why: str
    is_fee: bool = False
    """Whether it is for the fees of this block alone: another one may do."""


@dataclass(frozen=True, slots=True)
class Paid:
    """What one operation costs."""

    session: str
    """Empty where the job's session has no file yet."""
    cost_wei: Wei


@dataclass(frozen=True, slots=True)
class Dry:
    """The first time a session let nothing through for want of room or time."""

    block: int
    at: Timestamp
    code: str
    job: str


@dataclass
class Purse:
    """One session in the course of a replay."""

    definition: SessionDefinition
    grant: Grant
    counters: Counters
    spent: dict[str, int] = field(default_factory=dict)
    """By limit key."""
    dry: Dry | None = None

    @property
    def lines(self) -> tuple[LimitLine, ...]:
        """Its limits with what the replay used."""
        return limit_lines(self.definition, self.counters, self.spent, {})


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is to be paid, and what the chain asks for gas then."""

    block: int
    at: Timestamp
    base_fee_wei: Wei


def purses_of(sessions: Mapping[str, SessionDefinition], jobs: Iterable[JobDefinition]) -> dict[str, Purse]:
    """Return the jobs' sessions, unused; those that have no file, or cannot be granted, are left out."""
    found = {}
    for name in sorted({name for job in jobs for name in job.sessions} & sessions.keys()):
        grant = grant_of(sessions[name])
        try:
            found[name] = Purse(sessions[name], grant, as_granted(grant))
        except Revert:
            continue
    return found


def pay(
    job: JobDefinition, calls: tuple[Call, ...], moment: Moment, purses: Mapping[str, Purse], gas: Gas | None
) -> Paid | Refusal:
    """Take an operation from the first of the job's sessions that has room for it, or say why none has."""
    pricing = pricing_of(job, moment.base_fee_wei, gas)
    cap_wei = job.fees.max_fee_per_gas_wei
    if cap_wei is not None and moment.base_fee_wei > cap_wei:
        why = f"the base fee is {moment.base_fee_wei} wei, the cap is {cap_wei} wei"
        return Refusal("fee_above_cap", why, is_fee=True)
    operation = operation_of(job, calls, pricing)
    cost_wei = worst_case_cost_wei(operation)
    if job.fees.max_cost_wei is not None and cost_wei > job.fees.max_cost_wei:
        why = f"it costs {cost_wei} wei, the cap is {job.fees.max_cost_wei} wei"
        return Refusal("cost_above_cap", why, is_fee=True)
    mine = [purses[name] for name in job.sessions if name in purses]
    first: Violation | None = None
    for purse in mine:
        verdict = preflight(purse.grant, purse.counters, purse.spent, operation, moment.at)
        if isinstance(verdict, Cleared):
            for item in verdict.consumption:
                purse.spent[item.limit_key] = purse.spent.get(item.limit_key, 0) + item.amount
            return Paid(purse.definition.name, cost_wei)
        first = first or verdict.violations[0]
        if purse.dry is None:
            purse.dry = Dry(moment.block, moment.at, verdict.violations[0].code, job.id)
    return Paid("", cost_wei) if first is None else Refusal(first.code, violation_words(first))


def pricing_of(job: JobDefinition, base_fee_wei: Wei, gas: Gas | None) -> Pricing:
    """Return what an operation takes: gas as asked, as capped or as usual, at the block's base fee."""
    limit = gas or job.fees.max_gas or TYPICAL
    priority_wei = job.fees.max_priority_fee_per_gas_wei or Wei(0)
    wanted_wei = base_fee_wei + priority_wei
    fee_wei = Wei(min(wanted_wei, job.fees.max_fee_per_gas_wei or wanted_wei))
    return Pricing(GasLimits(limit, Gas(0), Gas(0)), Fees(fee_wei, Wei(min(priority_wei, fee_wei))))


def violation_words(violation: Violation) -> str:
    """Say what a rule has against an operation, with both numbers."""
    numbers = ""
    if violation.asked is not None and violation.left is not None:
        numbers = f": {violation.asked} asked, {violation.left} left"
    return f"{violation.code}{numbers}"


def runs_dry_at(purse: Purse, first: Timestamp, last: Timestamp) -> Timestamp | None:
    """Return when the session runs dry if it is used on as it was: the earliest of its limits and its end."""
    lasted = last - first
    ends: list[int] = [] if purse.definition.expires_at is None else [purse.definition.expires_at]
    for line in purse.lines:
        used = line.reserved
        if used and lasted:
            ends.append(first + line.use.limit * lasted // used)
    found: Sequence[int] = ends if purse.dry is None else [purse.dry.at]
    return Timestamp(min(found)) if found else None
