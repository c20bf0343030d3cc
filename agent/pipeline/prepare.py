"""Decide everything about one attempt and write nothing: what a dry run shows, what a live run does."""

from dataclasses import dataclass, replace

from agent.domain.budget import Consumption
from agent.domain.evaluation import Act
from agent.domain.job_caps import capped
from agent.domain.journal import Change, Reservation
from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import Plan, PricedOperation
from agent.domain.states import Event
from agent.domain.units import Timestamp
from agent.domain.watching import NO_MEMORY, Memory
from agent.pipeline.caps import caps_of, left_of
from agent.pipeline.change import change_of
from agent.pipeline.choose import Attempt, choose
from agent.pipeline.context import JobContext, Services
from agent.pipeline.earlier import earlier_spends
from agent.pipeline.observe import observe
from agent.pipeline.refusal import NotNow, from_evaluation
from agent.pipeline.sequence import next_nonce
from agent.pipeline.stale import require_fresh, require_reached
from agent.ports import Block, Journal


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation that every check has cleared at one block."""

    job: JobContext
    """Under the session that was chosen."""
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
            permission_id=draft.permission_id,
            facts={**draft.plan.intent, "session": self.job.session.name, "payer": self.priced.payer},
        )

    def reservations(self) -> tuple[Reservation, ...]:
        """Return the worst case of every limit as the journal compares and sets it."""
        return tuple(
            Reservation(item.limit_key, item.amount, item.limit, item.used, self.block.number)
            for item in self.priced.consumption
        )


async def prepare(
    services: Services, job: JobContext, occurrence: Occurrence, now: Timestamp, *, signs: bool = False
) -> Prepared | NotNow:
    """Return the cleared operation, or why the kind does not act now.

    With `signs` it goes to `sign`, and the session's module may be left to be asked there.

    Raises PreflightError, JobCapReached, FeeAboveCap, Defer, Stuck, BundlerRejected, EntryPointRejected,
    Unavailable.
    """
    # A block that enough nodes have: on it, the nonce is agreed on and all else is read.
    block = await job.chain.agreed.block("latest")
    definition = job.definition
    require_fresh(block, now, job.chain.max_head_age_s)
    if definition.schedule is None:
        require_reached(block, occurrence.due_at)
    # Before the kind looks: of a slot that was paid already it would say that the money is not there.
    nonce = await next_nonce(job, services, block)
    found = await planned(services, job, occurrence, now, block)
    if isinstance(found, NotNow):
        return found
    plan, taken = found
    attempt = Attempt(occurrence, plan, nonce, signs)
    offer = await choose(services, job, attempt, block)
    priced = offer.priced
    if taken:
        priced = replace(priced, consumption=(*priced.consumption, *taken))
    return Prepared(offer.job, priced, block)


async def planned(
    services: Services, job: JobContext, occurrence: Occurrence, now: Timestamp, block: Block
) -> tuple[Plan, tuple[Consumption, ...]] | NotNow:
    """Return what the kind would do at a block and what that uses of the job's caps, or why it would not.

    Raises JobCapReached and Unavailable.
    """
    definition = job.definition
    reads = job.kind.reads(definition.spec, definition.account)
    view = await observe(job.chain.reader, reads, block)
    caps = await caps_of(services.journal, job.kind, definition, now, occurrence.id)
    earlier = await earlier_spends(services, job, occurrence)
    caps = tuple(replace(use, reserved=use.reserved + earlier.get(str(use.key), 0)) for use in caps)
    memory = await _memory(services.journal, job)
    if caps or memory:
        view = replace(view, left=left_of(caps), memory=memory)
    found = job.kind.evaluate(definition.spec, view, occurrence)
    if not isinstance(found, Act):
        return from_evaluation(found, now)
    intent = {**found.intent, "reference": definition.reference, "slot": occurrence.slot}
    taken = capped(caps, found.spends, now)
    return Plan(found.calls, intent, block.number, found.priority_percent, found.useful_until), taken


async def _memory(journal: Journal, job: JobContext) -> Memory:
    """Return what a watched job remembers; asks nothing for a kind that does not recall."""
    if not job.kind.recalls:
        return NO_MEMORY
    rows = await journal.triggers([job.definition.id])
    return {name: value for row in rows.values() for name, value in row.seen.memory.items()}
