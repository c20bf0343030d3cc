"""Replace an operation that does not land: the same nonce with higher fees, or with nothing to do."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from agent.domain.budget import Consumption
from agent.domain.errors import Refused
from agent.domain.job import FeeCaps
from agent.domain.occurrence import Occurrence
from agent.domain.operation import (
    DraftOperation,
    Fees,
    GasLimits,
    JournaledOperation,
    Plan,
    PricedOperation,
    SignedOperation,
    with_gas,
    with_signature,
)
from agent.domain.schedule import grace_start
from agent.domain.states import Event
from agent.domain.units import Gas, Timestamp
from agent.domain.user_operation import UserOperation
from agent.erc4337.bundler_fees import fees_told
from agent.erc4337.gas import worst_case_cost_wei
from agent.erc7579.execution import decode_execute
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext, Services, scopes_of
from agent.pipeline.ladder import (
    MOST_REBUILDS,
    Terms,
    Wish,
    ceiling,
    fees_of,
    has_gas_enough,
    highest_of,
    is_short,
    more_gas,
    next_rung,
    wish,
)
from agent.pipeline.preflight import Look, cleared, look
from agent.pipeline.prepare import Prepared
from agent.pipeline.price import check_caps, fees, quoted, with_margins, with_owner
from agent.pipeline.session_signature import session_signature
from agent.pipeline.sign import sign
from agent.pipeline.sponsor import paid_anew
from agent.ports import Block
from agent.smart_sessions.signature_decoding import permission_in

T = TypeVar("T")
CANCELLED_IT = {"text": "cancel: use up the nonce, move nothing"}


class AtCap(Refused):
    """A tenth more is above a cap of the job."""

    code = "at_fee_cap"
    remedy = "it goes again as it is; raise the job's `fees`, or cancel it: sessionkeeper runs cancel"


class GasRefused(Refused):
    """A bundler wants more gas for an operation that was given more several times."""

    code = "gas_refused"
    remedy = "see why the account refuses it: sessionkeeper runs show; then runs release, or runs cancel"


class SessionGone(Refused):
    """The session that signed the operation is not in the files any more, or was revoked there."""

    code = "session_gone"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An operation that was sent, was not seen since, and may be replaced."""

    job: JobContext
    """Under the session that signed it."""
    occurrence: Occurrence
    newest: JournaledOperation
    block: Block
    """The head that everything is decided at."""


def terms_of(job: JobContext, occurrence: Occurrence) -> Terms:
    """Return what the job says about an operation of this run that does not land."""
    definition = job.definition
    begins = grace_start(definition.catch_up, occurrence.due_at, occurrence.created_at)
    return Terms(job.caps, Timestamp(begins + definition.retry.grace_s))


async def raised(
    services: Services, job: JobContext, occurrence: Occurrence, operations: Sequence[JournaledOperation]
) -> tuple[Occurrence, JournaledOperation] | None:
    """Return the run with its raised operation, journaled; None where nothing asks for more.

    Raises GasRefused; AtCap, PreflightError, BudgetExceeded, SessionGone, JobPaused, BundlerRejected,
    EntryPointRejected, Unavailable: then what was signed before goes on as it is.
    """
    now = await services.clock.now()
    terms, newest = terms_of(job, occurrence), operations[-1]
    due = wish(operations, occurrence.code, terms, now)
    if due not in (Wish.RAISE, Wish.REBUILD):
        return None
    block = await job.chain.agreed.block("latest")
    age_s, offered = now - newest.journaled_at, fees_of(newest.operation)
    short = is_short(offered, block.base_fee_per_gas, occurrence.code, age_s, job.caps.patience_s)
    if due is Wish.RAISE and not short:
        return None
    waiting = Waiting(under_its_session(job, newest), occurrence, newest, block)
    if due is Wish.REBUILD and has_gas_enough(operations):
        raise GasRefused(f"refused {MOST_REBUILDS} times although it got more gas: {occurrence.reason}")

    async def asked() -> UserOperation:
        operation = await _with_more_gas(waiting) if due is Wish.REBUILD else newest.operation
        rung = await climbed(waiting, operation, keeps_a_rung=terms.cancels and not newest.cancels)
        return at_rung(operation, rung)

    try:
        operation = await through_gate(services, waiting, asked, cancels=newest.cancels)
    except AtCap as error:
        if due is Wish.REBUILD and newest.cancels:
            # A payment at its caps has a cancel to come; after a cancel comes nothing.
            raise GasRefused(f"the cancel needs more gas, and a tenth more fees with it: {error}") from error
        raise
    return await signed_anew(services, waiting, operation, cancels=newest.cancels)


async def through_gate(
    services: Services, waiting: Waiting, work: Callable[[], Coroutine[Any, Any, T]], *, cancels: bool
) -> T:
    """Ask bundlers and paymasters about the operation; raise Held when a kill stops that, even midway."""
    scopes = scopes_of(waiting.job, waiting.job.session.permission_id)
    return await services.gate.through(scopes, work, cancels=cancels)


def under_its_session(job: JobContext, operation: JournaledOperation) -> JobContext:
    """Return the job under the session that signed the operation; raise SessionGone."""
    permission = permission_in(operation.operation.signature)
    for session in job.sessions:
        if session.permission_id == permission:
            return replace(job.under(session), lines=())
    raise SessionGone(f"session {permission} signed it and is not in use any more")


async def climbed(waiting: Waiting, operation: UserOperation, *, keeps_a_rung: bool) -> Fees:
    """Return the next rung of the ladder for this operation; raise AtCap and ChainUnavailable."""
    chain, occurrence = waiting.job.chain, waiting.occurrence
    suggestion = await chain.reader.priority_fee()
    market = fees(waiting.block.base_fee_per_gas, suggestion, await quoted(chain.bundlers[0]), FeeCaps())
    wanted = highest_of(market, fees_told(occurrence.reason, None))
    offered = fees_of(waiting.newest.operation)
    highest = ceiling(operation, waiting.job.caps, keeps_a_rung=keeps_a_rung)
    rung = next_rung(offered, wanted, highest)
    if rung is None:
        raise AtCap(
            f"it offers {offered.max_fee_per_gas} wei a gas and {offered.max_priority_fee_per_gas} as tip; "
            f"at most {highest.max_fee_per_gas} and {highest.max_priority_fee_per_gas} are left to it"
        )
    return rung


async def signed_anew(
    services: Services,
    waiting: Waiting,
    operation: UserOperation,
    *,
    cancels: bool,
    plan: Plan | None = None,
    taken: tuple[Consumption, ...] = (),
) -> tuple[Occurrence, JournaledOperation]:
    """Clear, sign and journal an operation on the nonce of the one that waits.

    With a `plan` its calls are new, and `taken` is what they use of the job's own caps.
    """
    plan = plan or _same_plan(waiting, operation, cancels=cancels)
    job, occurrence, block = waiting.job, waiting.occurrence, waiting.block
    (seen,) = await look(services, job, block, besides=occurrence.id)
    bill = await through_gate(
        services,
        waiting,
        lambda: paid_anew(services, job, operation, block, occurrence.id),
        cancels=cancels,
    )
    if bill is None:
        priced = _cleared(waiting, seen, operation, plan, cancels=cancels)
    else:
        priced = bill.of(_cleared(waiting, seen, bill.operation, plan, cancels=cancels))
    priced = replace(priced, consumption=(*priced.consumption, *taken))
    check_caps(priced.operation, job.caps)
    prepared = Prepared(job, priced, block)
    signed = await sign(services, prepared)
    change = change_of(
        occurrence,
        Event.RAISE,
        await services.clock.now(),
        reservations=prepared.reservations(),
        permission_id=priced.draft.permission_id,
        facts=_facts(waiting, signed),
    )
    return await services.journal.append(signed, change)


def _facts(waiting: Waiting, signed: SignedOperation) -> dict[str, str]:
    return {
        "user_op_hash": str(signed.user_op_hash),
        "replaces": str(waiting.newest.user_op_hash),
        "purpose": "cancel" if signed.priced.draft.cancels else "payment",
        "max_fee_per_gas": str(signed.operation.max_fee_per_gas),
        "max_priority_fee_per_gas": str(signed.operation.max_priority_fee_per_gas),
        "worst_case_wei": str(signed.priced.worst_case_wei),
    }


def _same_plan(waiting: Waiting, operation: UserOperation, *, cancels: bool) -> Plan:
    intent = CANCELLED_IT if cancels else waiting.newest.intent
    useful_until = None if cancels else waiting.newest.useful_until
    calls = decode_execute(operation.call_data)
    return Plan(calls, intent, waiting.block.number, useful_until=useful_until)


def _cleared(
    waiting: Waiting, seen: Look, operation: UserOperation, plan: Plan, *, cancels: bool
) -> PricedOperation:
    job, newest, session = waiting.job, waiting.newest, waiting.job.session
    stub = session_signature(session, seen.mode, session.owner.stub)
    operation = with_signature(operation, stub)
    draft = DraftOperation(
        occurrence_id=waiting.occurrence.id,
        attempt=newest.attempt,
        chain_id=newest.chain_id,
        entry_point=newest.entry_point,
        permission_id=session.permission_id,
        nonce=newest.nonce,
        plan=plan,
        operation=operation,
        cancels=cancels,
    )
    consumption = cleared(seen, operation, waiting.block)
    cost_wei = worst_case_cost_wei(operation, job.chain.version)
    return PricedOperation(draft, operation, cost_wei, consumption)


async def _with_more_gas(waiting: Waiting) -> UserOperation:
    job, operation = waiting.job, waiting.newest.operation
    estimate = await job.chain.bundlers[0].estimate(operation, waiting.newest.entry_point)
    needed = with_margins(with_owner(estimate, job.session.owner.verification_gas))
    gas = GasLimits(
        Gas(max(needed.call_gas_limit, operation.call_gas_limit)),
        max(needed.verification_gas_limit, more_gas(operation.verification_gas_limit)),
        Gas(max(needed.pre_verification_gas, operation.pre_verification_gas)),
    )
    return with_gas(operation, gas, fees_of(operation))


def at_rung(operation: UserOperation, rung: Fees) -> UserOperation:
    """Return the operation with these fees."""
    gas = GasLimits(
        operation.call_gas_limit, operation.verification_gas_limit, operation.pre_verification_gas
    )
    return with_gas(operation, gas, rung)
