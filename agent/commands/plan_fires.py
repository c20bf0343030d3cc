"""What each coming fire would use, and what all fires before it leave. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.commands.session_usage import LimitLine
from agent.domain.budget import Blocked, Cleared, Consumption, Verdict, Violation
from agent.domain.call import Call
from agent.domain.evaluation import Act, ChainView, NextBlock, Skip, Stop, Wait
from agent.domain.job import JobDefinition
from agent.domain.occurrence import Occurrence
from agent.domain.operation import Fees, GasLimits, with_gas
from agent.domain.recurrence import Slot
from agent.domain.states import State
from agent.domain.units import Gas, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.gas import worst_case_cost_wei
from agent.erc7579.execution import encode_execute
from agent.pipeline.choose import preferred
from agent.smart_sessions.grant import Counters, Grant
from agent.smart_sessions.preflight import preflight
from jobs.kind import AnyKind

TYPICAL_GAS = GasLimits(Gas(150_000), Gas(350_000), Gas(60_000))
"""Of one payment through a session; used until the job has an operation of its own to go by."""


class Outcome(StrEnum):
    """What would become of a fire."""

    SEND = "send"
    WAIT = "wait"  #: the chain is not ready for it: a balance, a pause
    SKIP = "skip"
    STOP = "stop"  #: the job would be held for a person
    REFUSE = "refuse"  #: the session has no room for it


@dataclass(frozen=True, slots=True)
class Pricing:
    """What an operation of a job takes in gas and fees, as far as one can say beforehand."""

    gas: GasLimits
    fees: Fees


@dataclass(frozen=True, slots=True)
class SessionOutlook:
    """A session's counters at one block, with what is reserved by then."""

    name: str
    grant: Grant
    counters: Counters
    lines: tuple[LimitLine, ...]
    """Empty while the session is not enabled."""
    obstacle: Violation | None = None
    """Why nothing is signed under it, whatever its counters say."""

    @property
    def usable(self) -> bool:
        """Whether anything may be signed under it."""
        return self.counters.enabled and self.obstacle is None


@dataclass(frozen=True, slots=True)
class JobOutlook:
    """What the coming fires of one job are decided on."""

    definition: JobDefinition
    kind: AnyKind
    view: ChainView
    pricing: Pricing


@dataclass(frozen=True, slots=True)
class Fire:
    """One slot to come, as things stand now."""

    definition: JobDefinition
    slot: Slot
    intent: Mapping[str, str]
    cost_wei: Wei | None
    """Gas at worst; None while the job would not act."""
    would: Outcome = Outcome.SEND
    code: str = ""
    """Why it would not be paid: the kind's own code, or that of the first rule against it."""
    reason: str = ""
    """The kind's own; empty where rules are against it."""
    violations: tuple[Violation, ...] = ()
    session: str = ""
    """Which session would sign; the first to refuse where none would."""
    leaves: tuple[LimitLine, ...] = ()
    """That session's limits after this fire and all fires before it."""


def forecast(
    fires: Iterable[tuple[JobOutlook, Slot]],
    sessions: Mapping[str, Sequence[SessionOutlook]],
    now: Timestamp,
) -> Iterator[Fire]:
    """Yield what becomes of each fire, in the order given; each leaves less for the next.

    `sessions` has, by the name a job uses, the session and those that took over from it, oldest first.
    """
    spent: dict[str, int] = {}
    for job, slot in fires:
        choices = preferred(sessions[name] for name in job.definition.sessions)
        yield _fire(job, slot, choices, spent, now)


def _fire(
    job: JobOutlook, slot: Slot, choices: Sequence[SessionOutlook], spent: dict[str, int], now: Timestamp
) -> Fire:
    definition = job.definition
    evaluation = job.kind.evaluate(definition.spec, job.view, _occurrence(definition, slot))
    if not isinstance(evaluation, Act):
        return Fire(definition, slot, {}, None, _outcome(evaluation), evaluation.code, evaluation.why)
    operation = operation_of(definition, evaluation.calls, job.pricing)
    at = Timestamp(max(slot.due_at, now))
    fire = Fire(definition, slot, evaluation.intent, worst_case_cost_wei(operation))
    violations: list[Violation] = []
    # They cost the same as far as one can say beforehand, so the first that has room is chosen.
    for session in choices:
        verdict = _verdict(session, operation, spent, at)
        if isinstance(verdict, Cleared):
            _spend(spent, verdict.consumption)
            return replace(fire, session=session.name, leaves=_left(session, spent))
        named = session.name if len(choices) > 1 else ""
        violations += (replace(violation, session=named) for violation in verdict.violations)
    first = violations[0]
    return replace(
        fire,
        would=Outcome.REFUSE,
        code=first.code,
        violations=tuple(violations),
        session=choices[0].name,
        leaves=_left(choices[0], spent),
    )


def _verdict(
    session: SessionOutlook, operation: UserOperation, spent: Mapping[str, int], at: Timestamp
) -> Verdict:
    if session.obstacle is not None:
        return Blocked((session.obstacle,))
    reserved = {str(line.use.key): line.reserved for line in session.lines}
    taken = {key: amount + spent.get(key, 0) for key, amount in reserved.items()}
    return preflight(session.grant, session.counters, taken, operation, at)


def _outcome(evaluation: Wait | NextBlock | Skip | Stop) -> Outcome:
    if isinstance(evaluation, Stop):
        return Outcome.STOP
    return Outcome.SKIP if isinstance(evaluation, Skip) else Outcome.WAIT


def _spend(spent: dict[str, int], consumption: Iterable[Consumption]) -> None:
    for item in consumption:
        spent[item.limit_key] = spent.get(item.limit_key, 0) + item.amount


def _left(session: SessionOutlook, spent: Mapping[str, int]) -> tuple[LimitLine, ...]:
    return tuple(
        replace(line, reserved=line.reserved + spent.get(str(line.use.key), 0)) for line in session.lines
    )


def operation_of(definition: JobDefinition, calls: tuple[Call, ...], pricing: Pricing) -> UserOperation:
    """Return an operation of the job, without nonce and signature."""
    bare = UserOperation(
        sender=definition.account,
        nonce=0,
        call_data=encode_execute(calls),
        call_gas_limit=Gas(0),
        verification_gas_limit=Gas(0),
        pre_verification_gas=Gas(0),
        max_fee_per_gas=Wei(0),
        max_priority_fee_per_gas=Wei(0),
    )
    return with_gas(bare, pricing.gas, pricing.fees)


def _occurrence(definition: JobDefinition, slot: Slot) -> Occurrence:
    return Occurrence(
        id=0,
        job_id=definition.id,
        slot=slot.key,
        ordinal=slot.ordinal,
        due_at=slot.due_at,
        state=State.CLAIMED,
        attempt=0,
        version=0,
        chain_id=definition.chain_id,
        account=definition.account,
    )
