"""Settle gas and fees, inside every cap."""

from dataclasses import dataclass, replace

from agent.domain.errors import BundlerRejected, BundlerUnavailable, ChainReverted, FeeAboveCap
from agent.domain.job import FeeCaps
from agent.domain.operation import DraftOperation, Fees, GasLimits, with_gas, with_paymaster
from agent.domain.units import Gas, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.gas import gas_limit_total, worst_case_cost_wei
from agent.pipeline.context import JobContext
from agent.pipeline.kept_limits import Shape, shape_of
from agent.pipeline.ladder import ceiling, payment_caps
from agent.ports import Block, Bundler

BASE_FEE_HEADROOM = 2
"""The base fee may double (six full blocks) before the operation is priced out."""
MARGIN_PERCENT = 15
"""On estimated verification and call gas: storage slots turn cold or warm between estimate and inclusion."""
BASE_GAS = 21_000
"""Of any transaction, an `eth_call` as well."""
GAS_PER_ZERO = 4
GAS_PER_BYTE = 16
"""Of call data."""
UINT120_MAX = 2**120 - 1
"""AA94: the EntryPoint refuses larger gas values, so a hostile estimate is refused here first."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What an operation offers for its gas: as a rule, and where a job is in a hurry."""

    usual: Fees
    hurried: Fees
    """At least the usual ones."""


async def offered_fees(job: JobContext, block: Block, priority_percent: int = 100) -> Offered:
    """Return what an operation offers for its gas; raises FeeAboveCap and ChainUnavailable."""
    suggestion = await job.chain.reader.priority_fee()
    quote = await quoted(job.chain.bundlers[0])
    caps = payment_caps(job.caps)
    usual = fees(block.base_fee_per_gas, suggestion, quote, caps)
    return Offered(usual, hurried(usual, block.base_fee_per_gas, priority_percent, caps))


def hurried(usual: Fees, base_fee_wei: Wei, priority_percent: int, caps: FeeCaps) -> Fees:
    """Return the fees with so much percent of the priority fee, as far as the caps go; never less."""
    tip_wei = usual.max_priority_fee_per_gas
    wanted_wei = -(-tip_wei * priority_percent // 100)
    bounds = [caps.max_priority_fee_per_gas_wei]
    if caps.max_fee_per_gas_wei is not None:
        # A tip beyond this is never paid: the base fee goes first.
        bounds.append(Wei(caps.max_fee_per_gas_wei - base_fee_wei))
    raised_wei = max(min([wanted_wei, *(bound for bound in bounds if bound is not None)]), tip_wei)
    max_fee_wei = usual.max_fee_per_gas + raised_wei - tip_wei
    if caps.max_fee_per_gas_wei is not None:
        max_fee_wei = min(max_fee_wei, caps.max_fee_per_gas_wei)
    return Fees(Wei(max_fee_wei), Wei(raised_wei))


def affordable(operation: UserOperation, offered: Offered, caps: FeeCaps) -> Fees:
    """Return the hurried fees, or so much of the hurry as the cap on the operation's cost leaves."""
    highest = ceiling(operation, payment_caps(caps), keeps_a_rung=False).max_fee_per_gas
    over_wei = max(offered.hurried.max_fee_per_gas - highest, 0)
    max_fee_wei = max(offered.hurried.max_fee_per_gas - over_wei, offered.usual.max_fee_per_gas)
    tip_wei = max(offered.hurried.max_priority_fee_per_gas - over_wei, offered.usual.max_priority_fee_per_gas)
    return Fees(Wei(max_fee_wei), Wei(tip_wei))


def with_gas_limits(
    job: JobContext, draft: DraftOperation, offered: Offered, estimate: GasLimits
) -> UserOperation:
    """Return the draft's operation with gas limits and these fees; raises FeeAboveCap."""
    needed = with_margins(with_owner(estimate, job.session.owner.verification_gas))
    operation = with_payer_gas(with_gas(draft.operation, needed, offered.usual), needed)
    agreed = affordable(operation, offered, job.caps)
    if agreed != offered.usual:
        operation = with_payer_gas(with_gas(draft.operation, needed, agreed), needed)
    check_caps(operation, job.caps)
    return operation


async def known_limits(job: JobContext, draft: DraftOperation, block: Block) -> GasLimits | None:
    """Return the limits kept of such an operation if its calls succeed with them; raises ChainUnavailable."""
    kept, shape = job.chain.kept_limits, _shape(job, draft)
    known = None if kept is None or shape is None else kept.find(shape)
    if known is None or not await executes(job, draft.operation, with_margins(known).call_gas_limit, block):
        return None
    return known


async def estimated(job: JobContext, draft: DraftOperation) -> GasLimits:
    """Ask the bundler for limits and keep them for others of the shape.

    Raises BundlerRejected (it says that the operation would fail) and BundlerUnavailable.
    """
    estimate = await job.chain.bundlers[0].estimate(draft.operation, draft.entry_point)
    kept, shape = job.chain.kept_limits, _shape(job, draft)
    if kept is not None and shape is not None:
        kept.keep(shape, estimate)
    return estimate


def _shape(job: JobContext, draft: DraftOperation) -> Shape | None:
    return shape_of(job.kind.name, draft, job.chain.bundlers[0].name)


async def executes(job: JobContext, operation: UserOperation, call_gas: Gas, block: Block) -> bool:
    """Say whether the account carries the calls out at that block with so much gas; raises ChainUnavailable.

    An estimate is made by running the calls: limits that were kept must not save that. Here every slot is
    cold that validation would have warmed, so what passes has some gas to spare.
    """
    gas = call_gas + BASE_GAS + call_data_gas(operation.call_data)
    try:
        await job.chain.reader.call(
            operation.sender, operation.call_data, block.number, sender=job.chain.entry_point, gas=gas
        )
    except ChainReverted:
        return False
    return True


def call_data_gas(data: bytes) -> int:
    """Return what a transaction pays for its call data before it begins."""
    zeros = data.count(0)
    return GAS_PER_ZERO * zeros + GAS_PER_BYTE * (len(data) - zeros)


def with_payer_gas(operation: UserOperation, needed: GasLimits) -> UserOperation:
    """Return the operation with the estimate for its paymaster, should that have named no limit itself."""
    payer = operation.paymaster
    if payer is None or payer.paymaster_verification_gas_limit:
        return operation
    gas = needed.paymaster_verification_gas_limit or Gas(0)
    return with_paymaster(operation, replace(payer, paymaster_verification_gas_limit=gas))


async def quoted(bundler: Bundler) -> tuple[Wei, Wei] | None:
    """Return the (max fee, max priority fee) per gas that the bundler asks for; None where it names none."""
    try:
        return await bundler.fee_floor()
    except (BundlerUnavailable, BundlerRejected):
        # A quote is a hint: without one the chain's own numbers stand.
        return None


def fees(base_fee_wei: Wei, suggestion_wei: Wei, floor: tuple[Wei, Wei] | None, caps: FeeCaps) -> Fees:
    """Return fees per gas from the chain, not below the bundler's quote, not above the job's caps.

    Raises FeeAboveCap when even the lowest fee that can be included is above a cap.
    """
    floor_max_wei, floor_priority_wei = floor or (Wei(0), Wei(0))
    priority_wei = max(suggestion_wei, floor_priority_wei)
    lowest_wei = max(base_fee_wei + priority_wei, floor_max_wei)
    wanted_wei = max(BASE_FEE_HEADROOM * base_fee_wei + priority_wei, floor_max_wei)
    _refuse_above("max priority fee per gas", priority_wei, caps.max_priority_fee_per_gas_wei)
    _refuse_above("max fee per gas", lowest_wei, caps.max_fee_per_gas_wei)
    cap_wei = caps.max_fee_per_gas_wei
    return Fees(Wei(wanted_wei if cap_wei is None else min(wanted_wei, cap_wei)), Wei(priority_wei))


def with_owner(estimate: GasLimits, verification_gas: Gas) -> GasLimits:
    """Return the estimate with what the session's owner costs beyond the stub it was made with."""
    if not verification_gas:
        return estimate
    return replace(estimate, verification_gas_limit=Gas(estimate.verification_gas_limit + verification_gas))


def with_margins(estimate: GasLimits) -> GasLimits:
    """Return the estimate with a margin on what may grow until inclusion."""
    payer_gas = estimate.paymaster_verification_gas_limit
    return GasLimits(
        call_gas_limit=_with_margin(estimate.call_gas_limit),
        verification_gas_limit=_with_margin(estimate.verification_gas_limit),
        pre_verification_gas=estimate.pre_verification_gas,
        paymaster_verification_gas_limit=None if payer_gas is None else _with_margin(payer_gas),
    )


def check_caps(operation: UserOperation, caps: FeeCaps) -> None:
    """Raise FeeAboveCap when the operation may use more gas or cost more than the job allows."""
    gas = gas_limit_total(operation)
    largest = max(operation.call_gas_limit, operation.verification_gas_limit, operation.pre_verification_gas)
    _refuse_above("a gas limit", largest, UINT120_MAX)
    _refuse_above("the operation's gas", gas, caps.max_gas)
    _refuse_above("the operation's cost", worst_case_cost_wei(operation), caps.max_cost_wei)


def _with_margin(gas: Gas) -> Gas:
    return Gas(gas + -(-gas * MARGIN_PERCENT // 100))


def _refuse_above(what: str, value: int, cap: int | None) -> None:
    if cap is not None and value > cap:
        raise FeeAboveCap(what, value, cap)
