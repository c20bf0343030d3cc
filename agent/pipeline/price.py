"""Settle gas and fees, inside every cap."""

from dataclasses import replace

from agent.domain.errors import BundlerRejected, BundlerUnavailable, FeeAboveCap
from agent.domain.job import FeeCaps
from agent.domain.operation import DraftOperation, Fees, GasLimits, with_gas
from agent.domain.units import Gas, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.gas import gas_limit_total, worst_case_cost_wei
from agent.pipeline.context import JobContext
from agent.ports import Block, Bundler

BASE_FEE_HEADROOM = 2
"""The base fee may double (six full blocks) before the operation is priced out."""
MARGIN_PERCENT = 15
"""On estimated verification and call gas: storage slots turn cold or warm between estimate and inclusion."""
UINT120_MAX = 2**120 - 1
"""AA94: the EntryPoint refuses larger gas values, so a hostile estimate is refused here first."""


async def price(job: JobContext, draft: DraftOperation, block: Block) -> UserOperation:
    """Return the draft's operation with gas limits and fees.

    Raises FeeAboveCap, BundlerRejected (the estimate says it would fail), BundlerUnavailable and
    ChainUnavailable.
    """
    bundler = job.chain.bundlers[0]
    suggestion = await job.chain.reader.priority_fee()
    agreed = fees(block.base_fee_per_gas, suggestion, await _floor(bundler), job.caps)
    estimate = await bundler.estimate(draft.operation, draft.entry_point)
    needed = with_owner(estimate, job.session.owner.verification_gas)
    operation = with_gas(draft.operation, with_margins(needed), agreed)
    check_caps(operation, job.caps)
    return operation


async def _floor(bundler: Bundler) -> tuple[Wei, Wei] | None:
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
    return replace(estimate, verification_gas_limit=Gas(estimate.verification_gas_limit + verification_gas))


def with_margins(estimate: GasLimits) -> GasLimits:
    """Return the estimate with a margin on what may grow until inclusion."""
    return GasLimits(
        call_gas_limit=_with_margin(estimate.call_gas_limit),
        verification_gas_limit=_with_margin(estimate.verification_gas_limit),
        pre_verification_gas=estimate.pre_verification_gas,
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
