"""Let a paymaster pay for an operation: its stub, its final data, and what its contract says of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.domain.budget import Consumption
from agent.domain.call import Call
from agent.domain.errors import Bug, ChainReverted, PaymasterCap, PaymasterRejected
from agent.domain.job import SELF
from agent.domain.operation import (
    DraftOperation,
    Fees,
    GasLimits,
    PricedOperation,
    Sponsorship,
    with_gas,
    with_paymaster,
)
from agent.domain.paymaster import (
    LEAST_WINDOW_S,
    PaymasterKey,
    PaymasterRules,
    check_costs,
    check_fields,
    final_fields,
    stub_fields,
)
from agent.domain.states import Event
from agent.domain.units import Gas, Timestamp, Wei
from agent.domain.user_operation import PaymasterFields, UserOperation
from agent.domain.utc_day import day_of
from agent.erc4337.calldata import deposit_call, validate_paymaster_user_op_call
from agent.erc4337.gas import worst_case_cost_wei
from agent.erc4337.packing import packed
from agent.erc4337.user_op_hash import user_op_hash
from agent.pipeline.allowance import Books, fee_consumption, refuse_other_allowances
from agent.pipeline.context import JobContext, Payer, Services
from agent.pipeline.validate import ValidationData, read_validation_data
from agent.ports import Block, CallFailed, Journal

_NO_GAS = GasLimits(Gas(0), Gas(0), Gas(0))
_TWO_WORDS = 64


@dataclass(frozen=True, slots=True)
class Quote:
    """An operation to be estimated, with a paymaster's stub if one pays."""

    draft: DraftOperation
    is_final: bool = False
    """The stub is the final data as well."""


@dataclass(frozen=True, slots=True)
class Bill:
    """An operation as it is signed, and what it may use of the paymaster's limits."""

    operation: UserOperation
    sponsorship: Sponsorship
    consumption: tuple[Consumption, ...]

    def of(self, priced: PricedOperation) -> PricedOperation:
        """Return the cleared operation with what the paymaster's limits hold of it."""
        consumption = (*priced.consumption, *self.consumption)
        return replace(priced, consumption=consumption, sponsorship=self.sponsorship)


def in_turn(job: JobContext) -> tuple[Payer | None, ...]:
    """Return who may pay, in the order of the job; None is the account itself.

    A paymaster that did not answer lately comes after the others, but never in place of one the job does
    not name.
    """
    named = [None if name == SELF else job.chain.payers[name] for name in job.definition.pay_gas_by]
    return tuple(sorted(named, key=lambda payer: payer is not None and not payer.paymaster.standing.healthy))


def paid_by_any(payer: Payer | None, draft: DraftOperation) -> UserOperation:
    """Return the draft as the session sees it: with a paymaster, before anybody was asked for its data."""
    if payer is None:
        return draft.operation
    return with_paymaster(draft.operation, PaymasterFields(payer.rules.addresses[0], Gas(0), Gas(0), b""))


async def with_stub(payer: Payer, draft: DraftOperation, offered: Fees) -> Quote:
    """Ask for stub data; raises PaymasterRejected and PaymasterUnavailable."""
    operation = with_gas(draft.operation, _NO_GAS, offered)
    offer = await payer.paymaster.stub_data(operation, draft.entry_point)
    fields = stub_fields(payer.rules, offer)
    return Quote(replace(draft, operation=with_paymaster(operation, fields)), offer.is_final)


async def paid_anew(
    services: Services, job: JobContext, operation: UserOperation, block: Block, besides: int
) -> Bill | None:
    """Ask the paymaster of a signed operation about other fees or calls; None where the account pays.

    Another service with the same contract is not asked. Raises as `with_final`, and PaymasterRejected where
    it is in the files no more.
    """
    if operation.paymaster is None:
        return None
    name, contract = await planned_payer(services.journal, besides), operation.paymaster.paymaster
    for payer in in_turn(job):
        if payer is not None and payer.rules.name == name and contract in payer.rules.addresses:
            return await with_final(services, job, payer, operation, block, besides=besides)
    message = f"the job names no paymaster {name} with {contract} any more"
    raise PaymasterRejected(name or str(contract), "paymaster_gone", message)


async def planned_payer(journal: Journal, occurrence_id: int) -> str:
    """Return who pays for the attempt on its way, by name: several services may share a contract."""
    for entry in reversed(await journal.entries(occurrence_id)):
        if entry.event == Event.PLAN:
            return str((json.loads(entry.data).get("facts") or {}).get("payer", ""))
    return ""


async def with_final(
    services: Services,
    job: JobContext,
    payer: Payer,
    priced: UserOperation,
    block: Block,
    *,
    is_final: bool = False,
    besides: int | None = None,
) -> Bill:
    """Ask for the final data of a priced operation and hold it against the rules, the chain and the day.

    What occurrence `besides` has reserved does not count: it is the one that is decided again.
    Raises PaymasterRejected, PaymasterUnavailable, PaymasterCap, ChainUnavailable, StoreUnavailable.
    """
    rules = payer.rules
    check_costs(rules, worst_case_cost_wei(priced, job.chain.version))
    operation = priced if is_final else await _finished(job, payer, priced)
    check_fields(rules, _payment(operation))
    cost_wei = worst_case_cost_wei(operation, job.chain.version)
    check_costs(rules, cost_wei)
    window = await _asked(job, rules, operation, cost_wei, block)
    wanted = await _consumption(services, job, rules, operation, cost_wei, block)
    reserved = await services.journal.reserved({job.definition.chain_id: block.number}, besides)
    for item in wanted:
        _check_room(rules, item, reserved)
    return Bill(operation, Sponsorship(rules.name, window.valid_after, window.valid_until), wanted)


async def _finished(job: JobContext, payer: Payer, priced: UserOperation) -> UserOperation:
    offer = await payer.paymaster.data(priced, job.chain.entry_point)
    return with_paymaster(priced, final_fields(payer.rules, _payment(priced), offer))


async def _asked(
    job: JobContext, rules: PaymasterRules, operation: UserOperation, cost_wei: Wei, block: Block
) -> ValidationData:
    """Ask the paymaster's contract what the EntryPoint will ask it; raises PaymasterRejected."""
    chain, paymaster = job.chain, _payment(operation).paymaster
    (deposit,) = await chain.reader.calls(
        [Call(chain.entry_point, Wei(0), deposit_call(paymaster))], block.number
    )
    if isinstance(deposit, CallFailed) or int.from_bytes(deposit, "big") < cost_wei:
        raise PaymasterRejected(rules.name, "paymaster_deposit", f"{paymaster} has no deposit for the gas")
    op_hash = user_op_hash(operation, chain.entry_point, job.definition.chain_id, chain.version)
    question = validate_paymaster_user_op_call(packed(operation), op_hash, cost_wei)
    try:
        # It says until when the operation may land.
        answer = await chain.agreed.call(paymaster, question, block.number, sender=chain.entry_point)
    except ChainReverted as revert:
        message = f"{paymaster} reverts with 0x{revert.data[:68].hex()}"
        raise PaymasterRejected(rules.name, "paymaster_reverted", message) from None
    if len(answer) < _TWO_WORDS:
        raise PaymasterRejected(rules.name, "paymaster_no_code", f"{paymaster} is no paymaster here")
    window = read_validation_data(answer[32:64])
    _check_window(rules, window, block.timestamp)
    return window


def _check_window(rules: PaymasterRules, window: ValidationData, now: Timestamp) -> None:
    if window.signature_failed:
        raise PaymasterRejected(rules.name, "paymaster_signature", "its contract refuses its signature")
    if window.valid_after > now:
        message = f"it pays from {window.valid_after} on, the block is of {now}"
        raise PaymasterRejected(rules.name, "paymaster_not_due", message)
    if window.valid_until is not None and window.valid_until < now + LEAST_WINDOW_S:
        message = f"it pays until {window.valid_until}, the block is of {now}"
        raise PaymasterRejected(rules.name, "paymaster_expired", message)


async def _consumption(
    services: Services,
    job: JobContext,
    rules: PaymasterRules,
    operation: UserOperation,
    cost_wei: Wei,
    block: Block,
) -> tuple[Consumption, ...]:
    books = Books(day_of(await services.clock.now()), await services.journal.spent())
    key = PaymasterKey(rules.chain_id, rules.name, books.day)
    wanted = [books.consumption(key, cost_wei, rules.max_cost_per_day_wei)]
    await refuse_other_allowances(job, rules, block)
    if rules.token_fee is not None:
        paymaster = _payment(operation).paymaster
        wanted += await fee_consumption(job, rules, rules.token_fee, paymaster, cost_wei, books, block)
    return tuple(wanted)


def _check_room(rules: PaymasterRules, item: Consumption, reserved: Mapping[str, int]) -> None:
    # The journal decides; said here, the next payer of the job is asked.
    left = item.limit - item.used - reserved.get(item.limit_key, 0)
    if item.amount > left:
        raise PaymasterCap(rules.name, "paymaster_day_cap", item.limit_key, item.amount, max(left, 0))


def _payment(operation: UserOperation) -> PaymasterFields:
    if operation.paymaster is None:
        raise Bug("the operation has no paymaster")
    return operation.paymaster
