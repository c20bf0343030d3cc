"""Earlier attempts of a run that was tried again before their failure was final.

Only kinds that are safe to repeat go on so. A reorg may still undo such a failure: the lane then misses a
sequence, which only the very bytes that were signed for it may fill, and what they do after all is counted.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from agent.domain.budget import JOB
from agent.domain.journal import Change, Reservation
from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import Event
from agent.domain.units import UINT256_MAX, Hash32
from agent.erc4337.calldata import nonce_call
from agent.erc4337.nonce import split_nonce
from agent.pipeline.change import change_of
from agent.pipeline.confirm import CONFIRMATIONS
from agent.pipeline.context import JobContext, Services
from agent.pipeline.delivery import with_delivery
from agent.pipeline.receipt import inclusions
from agent.pipeline.refusal import Defer
from agent.pipeline.second_look import found_again, on_chain
from agent.ports import Block, Journal

OPEN = "earlier_attempt_open"
LANDED = "earlier_attempt_landed"


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the chain says of everything signed for a run below its lane's next sequence."""

    operations: tuple[JournaledOperation, ...]
    seen: Mapping[Hash32, Inclusion]
    known: int
    """The lane's next sequence, by the journal."""
    final_sequence: int
    head_sequence: int
    final: Block
    head: Block

    @property
    def landed(self) -> tuple[tuple[JournaledOperation, Inclusion], ...]:
        """Those that succeeded."""
        found = ((item, self.seen.get(item.user_op_hash)) for item in self.operations)
        return tuple((item, seen) for item, seen in found if seen is not None and seen.success)

    @property
    def is_open(self) -> bool:
        """Whether a reorg may still change what became of them."""
        return self.final_sequence < self.known

    @property
    def may_go_on(self) -> bool:
        """Whether the newest of them failed so deep below the head that it may be tried again."""
        newest = self.operations[-1].nonce.sequence
        blocks = [
            self.seen[item.user_op_hash].block_number
            for item in self.operations
            if item.nonce.sequence == newest and item.user_op_hash in self.seen
        ]
        return not self.is_open or (bool(blocks) and max(blocks) <= self.head.number - CONFIRMATIONS)


async def earlier_of(services: Services, job: JobContext, occurrence: Occurrence) -> Earlier | None:
    """Look for the earlier attempts of a run; None where there are none, or the kind always waits for them.

    Raises ChainUnavailable.
    """
    if not job.kind.repeat_safe or not occurrence.attempt:
        return None
    known = (await services.journal.job(occurrence.job_id)).next_sequence
    signed = await services.journal.operations(occurrence.id)
    operations = tuple(item for item in signed if item.nonce.sequence < known)
    if not operations:
        return None
    # Final before head: a block final now cannot be missing from logs read afterwards.
    final = await job.chain.agreed.finalized()
    head = await job.chain.agreed.block("latest")
    final_sequence = await sequence_at(job, final)
    seen = await _seen(job, operations, final_sequence, (final, head))
    return Earlier(operations, seen, known, final_sequence, await sequence_at(job, head), final, head)


async def sequence_at(job: JobContext, block: Block) -> int:
    """Return the lane's next sequence at a block; raises ChainUnavailable."""
    call = nonce_call(job.definition.account, job.nonce_key)
    word = await job.chain.agreed.call(job.chain.entry_point, call, block.number)
    return split_nonce(int.from_bytes(word, "big"))[1]


async def _seen(
    job: JobContext,
    operations: Sequence[JournaledOperation],
    final_sequence: int,
    blocks: tuple[Block, Block],
) -> dict[Hash32, Inclusion]:
    chain, entry_point, (final, head) = job.chain.agreed, job.chain.entry_point, blocks
    depth = 2 * max(head.number - final.number, 0)
    first = max(min(item.planned_at_block for item in operations) - depth, 0)
    hashes = [item.user_op_hash for item in operations]
    seen = await inclusions(chain, entry_point, hashes, min(first, head.number), head.number)
    shown = {item.nonce.sequence for item in operations if item.user_op_hash in seen}
    missed = [
        item.user_op_hash
        for item in operations
        if item.nonce.sequence < final_sequence and item.nonce.sequence not in shown
    ]
    seen |= await found_again(chain, entry_point, missed, min(first, head.number), head.number)
    return await on_chain(chain, seen, {item.block_number for item in seen.values()})


async def booked(services: Services, job: JobContext, occurrence: Occurrence) -> Occurrence | None:
    """Book a claimed run that an earlier attempt has paid; None where it may be tried again.

    Raises Defer as long as nobody can tell, and ChainUnavailable.
    """
    earlier = await earlier_of(services, job, occurrence)
    if earlier is None:
        return None
    if any(seen.block_number > earlier.final.number for _, seen in earlier.landed):
        raise Defer(LANDED, "an earlier attempt succeeded after all; it waits until that is final")
    if earlier.landed:
        return await services.journal.record(await found(services, job, occurrence, earlier))
    # Below the journal's lane it is missing: whoever reads the nonce next fills the gap.
    if earlier.head_sequence >= earlier.known and not earlier.may_go_on:
        raise Defer(OPEN, "the failure of its last attempt is not deep enough below the head")
    return None


async def require_closed(services: Services, job: JobContext, occurrence: Occurrence) -> None:
    """Raise Defer while a reorg may change what became of earlier attempts: until then no run ends."""
    earlier = await earlier_of(services, job, occurrence)
    if earlier is not None and (earlier.is_open or earlier.landed):
        raise Defer(OPEN, "a reorg may still undo the failure of an earlier attempt")


async def instead_of_end(
    services: Services, job: JobContext, occurrence: Occurrence, change: Change
) -> Change:
    """Return another turn for a run that is over, as long as an earlier attempt may have paid it."""
    earlier = await earlier_of(services, job, occurrence)
    if earlier is None or not (earlier.is_open or earlier.landed):
        return change
    return change_of(occurrence, Event.RETRY, change.at, not_before=change.at, reservations=())


async def found(services: Services, job: JobContext, occurrence: Occurrence, earlier: Earlier) -> Change:
    """Return the change that books what landed for good to its run, with what it used of the job's caps."""
    now = await services.clock.now()
    operation, seen = earlier.landed[-1]
    receipt = await job.chain.agreed.receipt(seen.transaction_hash)
    confirm = partial(job.kind.confirm, job.definition.spec, job.definition.account)
    known = with_delivery(seen, receipt, job.chain.entry_point, confirm)
    if known is None:
        raise Defer(LANDED, f"no receipt of attempt {operation.attempt} yet")
    if not known.delivered:
        return change_of(occurrence, Event.HOLD, now, code="not_delivered", reason=known.why)
    reason = f"attempt {operation.attempt} succeeded after all: a reorg undid its failure"
    taken = await spends(services.journal, [item for item, _ in earlier.landed])
    return change_of(
        occurrence,
        Event.FOUND,
        now,
        code=LANDED,
        reason=reason,
        not_before=now,
        inclusion=known,
        reservations=_as_it_is(taken),
    )


async def counted(
    services: Services, occurrence: Occurrence, earlier: Earlier
) -> tuple[Reservation, ...] | None:
    """Return what a run that ends has used with what an earlier attempt paid besides; None where none did."""
    if not earlier.landed:
        return None
    journal = services.journal
    every, others = await journal.reserved(), await journal.reserved(besides=occurrence.id)
    mine = {key: held for key, amount in every.items() if (held := amount - others.get(key, 0))}
    newest = [item for item in await journal.operations(occurrence.id) if item.nonce == occurrence.nonce]
    landed = [item for item, _ in earlier.landed]
    return _as_it_is(mine | await spends(journal, [*landed, *newest]))


def _as_it_is(amounts: Mapping[str, int]) -> tuple[Reservation, ...]:
    # It happened: counted, room or not.
    return tuple(Reservation(key, amount, UINT256_MAX, 0, 0) for key, amount in amounts.items())


async def earlier_spends(services: Services, job: JobContext, occurrence: Occurrence) -> dict[str, int]:
    """Return what earlier attempts used, or may yet use, of the job's caps; raises ChainUnavailable."""
    earlier = await earlier_of(services, job, occurrence)
    if earlier is None:
        return {}
    landed = {item.attempt for item, _ in earlier.landed}
    return await spends(
        services.journal,
        [
            item
            for item in earlier.operations
            if item.nonce.sequence >= earlier.final_sequence or item.attempt in landed
        ],
    )


async def spends(journal: Journal, operations: Sequence[JournaledOperation]) -> dict[str, int]:
    """Return what the attempts of these operations, all of one run, reserved of its job's caps."""
    attempts = {item.attempt for item in operations}
    most: dict[tuple[int, str], int] = {}
    for entry in await journal.entries(operations[0].occurrence_id) if operations else ():
        told = json.loads(entry.data)
        if entry.event not in (Event.PLAN, Event.RAISE) or told["attempt"] not in attempts:
            continue
        for key, amount in (told.get("reservations") or {}).items():
            place = told["attempt"], key
            most[place] = max(most.get(place, 0), int(amount))
    taken: dict[str, int] = {}
    for (_, key), amount in most.items():
        if key.startswith(JOB):
            taken[key] = taken.get(key, 0) + amount
    return taken
