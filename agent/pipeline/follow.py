"""Follow every operation in flight of one chain, a few requests per head whatever their number."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.domain.call import Call
from agent.domain.errors import JobPaused
from agent.domain.evaluation import Delivered
from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import Event, State
from agent.domain.units import Hash32, Timestamp, Wei
from agent.erc4337.calldata import nonce_call
from agent.pipeline.change import change_of
from agent.pipeline.confirm import Evidence, KeepWaiting, Resend, Verdict, judge
from agent.pipeline.context import ChainContext, JobContext, Services
from agent.pipeline.receipt import inclusions, operation_logs
from agent.pipeline.submit import submit
from agent.ports import Block, CallFailed

SEQUENCE_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Flight:
    """An occurrence whose signed operations may land or be undone."""

    occurrence: Occurrence
    operations: tuple[JournaledOperation, ...]
    job: JobContext


@dataclass(frozen=True, slots=True)
class Followed:
    """What one look at the chain did to an occurrence."""

    before: Occurrence
    outcome: Occurrence | BaseException


class LogScan:
    """Remembers up to which final block each occurrence is known not to be in the logs."""

    def __init__(self) -> None:
        self._unseen_to: dict[int, int] = {}

    def first_block(self, flights: Sequence[Flight]) -> int:
        """Return the first block that may hold anything new about these flights."""
        return min(map(self._first_of, flights))

    def unseen(self, flights: Sequence[Flight], final_block: int) -> None:
        """Note flights that no block up to the head holds; what is final cannot change any more.

        One that was seen is not noted: should writing it down fail, it must be found again.
        """
        self._unseen_to = {flight.occurrence.id: final_block for flight in flights}

    def _first_of(self, flight: Flight) -> int:
        if flight.occurrence.inclusion is not None:
            return flight.occurrence.inclusion.block_number
        planned = min(operation.planned_at_block for operation in flight.operations)
        return max(planned, self._unseen_to.get(flight.occurrence.id, -1) + 1)


async def follow(
    services: Services, chain: ChainContext, flights: Sequence[Flight], scan: LogScan
) -> tuple[Followed, ...]:
    """Look at the chain once for all flights and journal what happened; return what changed or failed.

    Raises ChainUnavailable: then nothing was learned, and nothing is changed.
    """
    if not flights:
        return ()
    evidence = await _evidence(chain, flights, scan)
    now = await services.clock.now()
    # Together, so that the journal commits them as a group; one that fails does not stop its neighbours.
    outcomes = await asyncio.gather(
        *(_one(services, flight, evidence[flight.occurrence.id], now) for flight in flights),
        return_exceptions=True,
    )
    return tuple(
        Followed(flight.occurrence, outcome)
        for flight, outcome in zip(flights, outcomes, strict=True)
        if outcome is not None
    )


async def _one(services: Services, flight: Flight, seen: Evidence, now: Timestamp) -> Occurrence | None:
    verdict = judge(flight.occurrence, flight.operations, seen, now)
    return await _act(services, flight, verdict, now)


async def _evidence(chain: ChainContext, flights: Sequence[Flight], scan: LogScan) -> dict[int, Evidence]:
    # Final before head: a block final now cannot be missing from logs read afterwards.
    final = await chain.reader.finalized()
    head = await chain.reader.block("latest")
    sequences = await _sequences(chain, flights, final)
    seen = await _seen(chain, flights, scan.first_block(flights), head)
    scan.unseen([flight for flight in flights if _newest(flight, seen) is None], final.number)
    return {
        flight.occurrence.id: Evidence(
            inclusion=_newest(flight, seen),
            final_sequence=sequences[flight.occurrence.id],
            final_block=final.number,
            final_timestamp=final.timestamp,
        )
        for flight in flights
    }


async def _seen(
    chain: ChainContext, flights: Sequence[Flight], first: int, head: Block
) -> dict[Hash32, Inclusion]:
    hashes = [operation.user_op_hash for flight in flights for operation in flight.operations]
    return await inclusions(chain.reader, chain.entry_point, hashes, min(first, head.number), head.number)


def _newest(flight: Flight, seen: Mapping[Hash32, Inclusion]) -> Inclusion | None:
    found = [seen[item.user_op_hash] for item in flight.operations if item.user_op_hash in seen]
    return found[-1] if found else None


async def _sequences(chain: ChainContext, flights: Sequence[Flight], final: Block) -> dict[int, int]:
    calls = [
        Call(
            chain.entry_point,
            Wei(0),
            nonce_call(flight.job.definition.account, flight.operations[-1].nonce.key),
        )
        for flight in flights
    ]
    answers = await chain.reader.calls(calls, final.number)
    return {
        flight.occurrence.id: 0 if isinstance(answer, CallFailed) else _sequence(answer)
        for flight, answer in zip(flights, answers, strict=True)
    }


def _sequence(word: bytes) -> int:
    return int.from_bytes(word, "big") & SEQUENCE_MASK


async def _act(services: Services, flight: Flight, verdict: Verdict, now: Timestamp) -> Occurrence | None:
    if isinstance(verdict, KeepWaiting):
        return None
    if isinstance(verdict, Resend):
        return await _resend(services, flight)
    inclusion = verdict.inclusion
    if inclusion is not None and inclusion.success:
        inclusion = await _with_delivery(flight, inclusion)
    occurrence = await _released(services, flight.occurrence, now)
    change = change_of(
        occurrence, verdict.event, now, code=verdict.code, reason=verdict.reason, inclusion=inclusion
    )
    return await services.journal.record(change)


async def _resend(services: Services, flight: Flight) -> Occurrence | None:
    if flight.occurrence.state is State.HELD:
        return None
    bundlers = flight.job.chain.bundlers
    # Turn by turn: the journal's version grows with every send and answer.
    bundler = bundlers[flight.occurrence.version // 2 % len(bundlers)]
    try:
        return await submit(services, bundler, flight.occurrence, flight.operations[-1])
    except JobPaused:
        return None


async def _released(services: Services, occurrence: Occurrence, now: Timestamp) -> Occurrence:
    if occurrence.state is not State.HELD:
        return occurrence
    change = change_of(occurrence, Event.RELEASE, now, code="seen_on_chain", reason="the chain decided")
    return await services.journal.record(change)


async def _with_delivery(flight: Flight, inclusion: Inclusion) -> Inclusion:
    receipt = await flight.job.chain.reader.receipt(inclusion.transaction_hash)
    if receipt is None or receipt.block_hash != inclusion.block_hash:
        return replace(inclusion, delivered=False, why="the node has no receipt for its transaction")
    logs = operation_logs(receipt, flight.job.chain.entry_point, inclusion.user_op_hash)
    definition = flight.job.definition
    delivery = flight.job.kind.confirm(definition.spec, definition.account, logs)
    if isinstance(delivery, Delivered):
        return replace(inclusion, delivered=True)
    return replace(inclusion, delivered=False, why=f"{delivery.code}: {delivery.why}")
