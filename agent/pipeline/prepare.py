"""Decide everything about one attempt and write nothing: what a dry run shows, what a live run does."""

from dataclasses import dataclass

from agent.domain.evaluation import Act
from agent.domain.journal import Change, Reservation
from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import Plan, PricedOperation
from agent.domain.states import Event
from agent.domain.units import Timestamp
from agent.erc4337.gas import worst_case_cost_wei
from agent.erc4337.user_op_hash import user_op_hash
from agent.pipeline.build import build
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext, Services
from agent.pipeline.observe import observe
from agent.pipeline.preflight import preflight
from agent.pipeline.price import price
from agent.pipeline.refusal import NotNow, from_evaluation
from agent.pipeline.sequence import next_nonce
from agent.pipeline.validate import validate
from agent.ports import Block


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation that every check has cleared at one block."""

    priced: PricedOperation
    block: Block

    @property
    def nonce(self) -> Nonce:
        """The lane's next nonce."""
        return self.priced.draft.nonce

    def plan_change(self, occurrence: Occurrence, at: Timestamp) -> Change:
        """Return the change that fixes nonce and reservations for this attempt."""
        draft = self.priced.draft
        return change_of(
            occurrence,
            Event.PLAN,
            at,
            nonce=draft.nonce,
            reservations=self.reservations(),
            facts=dict(draft.plan.intent),
        )

    def reservations(self) -> tuple[Reservation, ...]:
        """Return the worst case of every limit as the journal compares and sets it."""
        return tuple(
            Reservation(item.limit_key, item.amount, item.limit, item.used, self.block.number)
            for item in self.priced.consumption
        )


async def prepare(
    services: Services, job: JobContext, occurrence: Occurrence, now: Timestamp
) -> Prepared | NotNow:
    """Return the cleared operation, or why the kind does not act now.

    Raises PreflightError, FeeAboveCap, Defer, Stuck, BundlerRejected, EntryPointRejected, Unavailable.
    """
    block = await job.chain.reader.block("latest")
    definition = job.definition
    reads = job.kind.reads(definition.spec, definition.account)
    view = await observe(job.chain.reader, reads, block)
    evaluation = job.kind.evaluate(definition.spec, view, occurrence)
    if not isinstance(evaluation, Act):
        return from_evaluation(evaluation, now)
    intent = {**evaluation.intent, "reference": definition.reference, "slot": occurrence.slot}
    plan = Plan(evaluation.calls, intent, block.number)
    draft = build(job, occurrence, plan, await next_nonce(job, services, block))
    operation = await price(job, draft, block)
    consumption = await preflight(services, job, operation, block)
    # With the stub a failed signature is the expected answer; anything else was raised.
    stub_hash = user_op_hash(operation, draft.entry_point, draft.chain_id, job.chain.version)
    await validate(job, operation, stub_hash, block)
    priced = PricedOperation(draft, operation, worst_case_cost_wei(operation), consumption)
    return Prepared(priced, block)
