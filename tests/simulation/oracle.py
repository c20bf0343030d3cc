"""Judge a finished run by the chain, the recorder and the journal's rows; nothing here is the agent's."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.domain.occurrence import Occurrence
from agent.domain.units import Hash32
from tests.simulation.chain import SimChain
from tests.simulation.ledger import Landed
from tests.simulation.recorder import Recorder, Signing
from tests.simulation.setting import CAPS, PAYMENTS, START, USDC, slots_of

ENDS = frozenset({"final_ok", "skipped", "failed", "cancelled"})
WAITS = frozenset({"held", "foreign"})
MOST_SENDS = 120
"""Of one occurrence in one run: far above what patience needs, far below a loop without any."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over."""

    chain: SimChain
    recorder: Recorder
    rows: Sequence[Occurrence]
    known: frozenset[Hash32]
    """What the journal at the end has signed."""
    logs_were_lost: bool
    """By the only node there is: then a payment may be called foreign, which a person has to look at."""
    unread: frozenset[str] = frozenset()
    """Jobs of whose lane the chain shows more than the journal knows: a later slot may be paid already."""


Slot = tuple[str, str]


def findings(run: Ended) -> tuple[int, int, tuple[str, ...]]:
    """Return how many payments were doubled, how many slots were lost, and every broken invariant."""
    paid = Counter(_slots_paid(run))
    doubled = sum(count - 1 for count in paid.values() if count > 1)
    lost = list(_lost(run, paid))
    broken = [
        *(f"I1: {job} {slot} was paid {count} times" for (job, slot), count in paid.items() if count > 1),
        *lost,
        *_sent_unjournaled(run),
        *_sequences(run),
        *_over_caps(run),
        *_strange(run),
        *_books(run, paid),
        *_too_many(run),
        *_loud(run),
    ]
    return doubled, len(lost), tuple(broken)


def _slots_paid(run: Ended) -> Iterator[Slot]:
    for _, landed in run.chain.executed():
        signing = run.recorder.signed.get(landed.sent.user_op_hash)
        if landed.success and signing is not None and not signing.cancels:
            yield signing.job_id, signing.slot


def _lost(run: Ended, paid: Counter[Slot]) -> Iterator[str]:
    """I2: every due slot has a row that ended or waits for a person, with a reason."""
    rows = {(row.job_id, row.slot): row for row in run.rows}
    for payment in PAYMENTS:
        for slot, due_at in slots_of():
            row = rows.get((payment.job_id, slot))
            if row is None:
                if not _forgotten(run, due_at) and not paid[payment.job_id, slot]:
                    yield f"I2: {payment.job_id} {slot} has no row"
            else:
                yield from _unended(run, row)


def _unended(run: Ended, row: Occurrence) -> Iterator[str]:
    name = f"{row.job_id} {row.slot}"
    if str(row.state) not in ENDS | WAITS:
        if not (str(row.state) == "due" and row.job_id in run.unread and _stands_behind(run, row)):
            yield f"I2: {name} is still {row.state} ({row.code} {row.reason})"
    elif str(row.state) != "final_ok" and not row.reason:
        yield f"I2: {name} is {row.state} without a reason"


def _stands_behind(run: Ended, row: Occurrence) -> bool:
    """Say whether an earlier run of its job waits for a person, after whom the lane's past is read."""
    return any(
        other.job_id == row.job_id and other.ordinal < row.ordinal and str(other.state) in WAITS
        for other in run.rows
    )


def _sent_unjournaled(run: Ended) -> Iterator[str]:
    """I4: bytes that left were in the journal."""
    return (
        f"I4: {user_op_hash.hex()[:8]} left at {at_s:.1f} before it was journaled"
        for at_s, user_op_hash, journaled in run.recorder.sends
        if not journaled
    )


def _sequences(run: Ended) -> Iterator[str]:
    """I5: one occurrence a sequence while anything of it may land, the next one when that is final."""
    users: dict[tuple[object, int, int], list[Signing]] = {}
    for item in run.recorder.signed.values():
        mine = users.setdefault((item.lane, item.sequence, item.generation), [])
        for other in mine:
            if other.slot != item.slot and not _is_void(other, item):
                yield f"I5: {item.job_id} {item.slot} took {item.sequence}, signed for {other.slot} before"
        mine.append(item)
        if item.final_sequence < item.sequence:
            yield f"I5: {item.job_id} {item.slot} took {item.sequence} while {item.final_sequence} was final"


def _is_void(earlier: Signing, later: Signing) -> bool:
    """Say whether the earlier one could not land any more when the later one was signed."""
    return earlier.void_after is not None and earlier.void_after < later.final_timestamp


def _over_caps(run: Ended) -> Iterator[str]:
    """I3: nothing that left could cost more than the job allows."""
    for _, user_op_hash, _ in run.recorder.sends:
        operation = run.chain.seen[user_op_hash].operation if user_op_hash in run.chain.seen else None
        if operation is None:
            continue
        gas = operation.call_gas_limit + operation.verification_gas_limit + operation.pre_verification_gas
        if gas > (CAPS.max_gas or 0) or operation.max_fee_per_gas > (CAPS.max_fee_per_gas_wei or 0):
            yield f"I3: {user_op_hash.hex()[:8]} is above the job's caps"


def _strange(run: Ended) -> Iterator[str]:
    """I7: every payment went from the job's account to the job's payee, and was the job's amount."""
    expected = {payment.job_id: payment for payment in PAYMENTS}
    for _, landed in run.chain.executed():
        signing = run.recorder.signed.get(landed.sent.user_op_hash)
        if signing is None:
            yield f"I7: {landed.sent.user_op_hash.hex()[:8]} landed and was never journaled"
            continue
        payment = expected[signing.job_id]
        words = [bytes(12) + payment.account, bytes(12) + payment.payee]
        for log in landed.logs[:-1]:
            right = log.address == USDC.address and [bytes(topic) for topic in log.topics[1:]] == words
            amount = 0 if signing.cancels else payment.amount
            if not (right or signing.cancels) or int.from_bytes(log.data, "big") != amount:
                yield f"I7: {signing.job_id} moved other money than its own"


def _books(run: Ended, paid: Counter[Slot]) -> Iterator[str]:
    """I8: what the journal calls paid is paid, and what is paid the journal calls so."""
    for row in run.rows:
        count = paid[row.job_id, row.slot]
        if str(row.state) == "cancelled" and not any(_landings(run, row)):
            yield f"I8: {row.job_id} {row.slot} is {row.state}, and no cancel of it landed"
        if str(row.state) == "final_ok" and count != 1:
            yield f"I8: {row.job_id} {row.slot} is {row.state}, and the chain has {count} payments"
        if str(row.state) == "foreign" and not run.logs_were_lost and not _may_be_foreign(run, row):
            yield f"I8: {row.job_id} {row.slot} is {row.state}, and an operation of ours took its nonce"
        if str(row.state) in ENDS - {"final_ok"} and count and not _forgotten(run, row.due_at):
            yield f"I8: {row.job_id} {row.slot} is {row.state}, and the chain has {count} payments"


def _loud(run: Ended) -> Iterator[str]:
    """I11: nothing leaves after a kill was acknowledged, until it is let go."""
    return (
        f"I11: {sent.hex()[:8]} left at {at_s:.1f}, killed from {start_s:.1f} to {end_s:.1f}"
        for at_s, sent, _ in run.recorder.sends
        for start_s, end_s in run.recorder.silences
        if start_s < at_s < end_s
    )


def _may_be_foreign(run: Ended, row: Occurrence) -> bool:
    """Say whether nothing that was signed for the run took its nonce, or only what a lost journal signed.

    That paid the run for certain where the journal had booked every other slot of the job as paid: the slots
    of a run are so near to each other that any of them may have been due when another one's payment landed.
    """
    others = {slot for slot, _ in slots_of()} - {row.slot}
    is_certain = others <= run.recorder.booked.get((row.job_id, row.slot), frozenset())
    return all(
        signing.generation < run.recorder.generation
        and signing.user_op_hash not in run.known
        and not (is_certain and landed.success and not signing.cancels)
        for signing, landed in _landings(run, row)
    )


def _landings(run: Ended, row: Occurrence) -> Iterator[tuple[Signing, Landed]]:
    """Yield what took the run's nonce and was signed for the run."""
    sequence = None if row.nonce is None else row.nonce.sequence
    for _, landed in run.chain.executed():
        item = run.recorder.signed.get(landed.sent.user_op_hash)
        if item and (item.job_id, item.slot, item.sequence) == (row.job_id, row.slot, sequence):
            yield item, landed


def _forgotten(run: Ended, due_at: int) -> bool:
    """Say whether the journal that knew of this slot is gone."""
    lost_at_s = run.recorder.lost_at_s
    return lost_at_s is not None and due_at <= START + lost_at_s


def _too_many(run: Ended) -> Iterator[str]:
    """I9: patience is bounded."""
    sends = Counter(
        run.recorder.signed[sent].slot for _, sent, _ in run.recorder.sends if sent in run.recorder.signed
    )
    return (f"I9: {slot} was sent {count} times" for slot, count in sends.items() if count > MOST_SENDS)
