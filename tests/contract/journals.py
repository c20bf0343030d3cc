"""Jobs, changes and whole stories for the tests of the journal."""

from collections.abc import Sequence

from agent.domain.call import Call
from agent.domain.journal import (
    Armed,
    Change,
    Enrolment,
    JobCursor,
    JobRow,
    NewOccurrence,
    Reservation,
)
from agent.domain.occurrence import Inclusion, Nonce, Occurrence
from agent.domain.operation import DraftOperation, Plan, PricedOperation, SignedOperation
from agent.domain.states import Event
from agent.domain.units import Address, Hash32, Timestamp, Wei
from agent.ports import Journal
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, NOW, PAYEE, a_hash, a_user_operation

DAY_S = 86_400


def a_job(
    job_id: str = "rent",
    *,
    lane: int | None = None,
    account: Address = ACCOUNT,
    identity: str = "identity",
    definition: str = "definition",
    slot: str = "1",
    due_at: int = NOW,
    sessions: tuple[Hash32, ...] = (),
) -> Enrolment:
    """Return a job whose lane follows from its id."""
    key = int.from_bytes(job_id.encode(), "big") << 96 if lane is None else lane
    cursor = JobCursor(slot, int(slot), Timestamp(due_at))
    return Enrolment(job_id, CHAIN_ID, account, ENTRY_POINT, key, identity, definition, cursor, sessions)


def daily(job: JobRow) -> Armed:
    """Arm the slot that is due, and the one a day later."""
    cursor = job.enrolment.cursor
    assert cursor is not None
    number = cursor.ordinal + 1
    return Armed(
        (NewOccurrence(cursor.slot, cursor.ordinal, cursor.due_at),),
        JobCursor(str(number), number, Timestamp(cursor.due_at + DAY_S)),
    )


def room(
    amount: int, *, limit: int = 100, used: int = 0, key: str = "usdc", at_block: int = 50
) -> Reservation:
    """Return a reservation of an amount."""
    return Reservation(key, amount, limit, used, at_block)


def seen(
    user_op_hash: Hash32, *, success: bool = True, block: int = 60, delivered: bool | None = None
) -> Inclusion:
    """Return an inclusion at a block."""
    return Inclusion(user_op_hash, a_hash(77), block, a_hash(block), success, Wei(2**200), delivered, "")


def a_signed(occurrence: Occurrence, seed: int = 1, valid_until: int | None = None) -> SignedOperation:
    """Return an operation on the occurrence's nonce; its hash follows from the seed."""
    nonce = occurrence.nonce or Nonce(0, 0)
    operation = a_user_operation(nonce, call_data=seed.to_bytes(100, "big"))
    plan = Plan((Call(PAYEE, Wei(1), b""),), {"token": "USDC", "amount": str(seed)}, 100)
    draft = DraftOperation(
        occurrence.id, occurrence.attempt, CHAIN_ID, ENTRY_POINT, a_hash(9), nonce, plan, operation
    )
    until = None if valid_until is None else Timestamp(valid_until)
    return SignedOperation(PricedOperation(draft, operation, Wei(1), ()), operation, a_hash(seed), until)


async def claimed(journal: Journal, *jobs: Enrolment) -> tuple[Occurrence, ...]:
    """Enroll the jobs and claim their first occurrence each."""
    await journal.enroll(jobs or (a_job(),), NOW)
    due = await journal.claim_due(NOW, 1_000, daily)
    return tuple([await tell(journal, row, Event.CLAIM) for row in due])


async def tell(journal: Journal, row: Occurrence, event: Event, **parts: object) -> Occurrence:
    """Record one event."""
    return await journal.record(a_change(row, event, **parts))


def a_change(row: Occurrence, event: Event, **parts: object) -> Change:
    """Return a change to the row as it is now."""
    return Change(row.id, row.version, event, NOW, **parts)  # type: ignore[arg-type] # named by the test


async def plan(
    journal: Journal, row: Occurrence, reservations: Sequence[Reservation] | None = None
) -> Occurrence:
    """Plan on the lane's next sequence."""
    job = await journal.job(row.job_id)
    nonce = Nonce(job.enrolment.nonce_key, job.next_sequence)
    return await tell(
        journal,
        row,
        Event.PLAN,
        nonce=nonce,
        reservations=None if reservations is None else tuple(reservations),
    )


async def sign(journal: Journal, row: Occurrence, seed: int = 1) -> Occurrence:
    """Append an operation."""
    after, _ = await journal.append(a_signed(row, seed), a_change(row, Event.SIGN))
    return after


async def sent(journal: Journal, row: Occurrence, seed: int = 1, reserve: int | None = None) -> Occurrence:
    """Plan, sign and send."""
    planned = await plan(journal, row, None if reserve is None else [room(reserve)])
    return await tell(journal, await sign(journal, planned, seed), Event.SEND)


async def included(journal: Journal, row: Occurrence, *, success: bool = True, block: int = 60) -> Occurrence:
    """See the occurrence's newest operation in a block."""
    assert row.user_op_hash is not None
    event = Event.SEE_OK if success else Event.SEE_FAIL
    return await tell(journal, row, event, inclusion=seen(row.user_op_hash, success=success, block=block))
