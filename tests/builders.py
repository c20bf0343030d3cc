"""Builders for tests: every argument has a default, so that a test names only what it is about."""

from agent.domain.call import Call
from agent.domain.occurrence import Inclusion, Nonce, Occurrence
from agent.domain.operation import (
    DraftOperation,
    JournaledOperation,
    Plan,
    PricedOperation,
    SignedOperation,
)
from agent.domain.states import State
from agent.domain.units import Address, ChainId, Gas, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation

CHAIN_ID = ChainId(31337)
ACCOUNT = Address(bytes(19) + b"\xaa")
ENTRY_POINT = Address.parse("0x0000000071727De22E5E9d8BAf0edAc6f37da032")
PAYEE = Address(bytes(19) + b"\xbb")
NOW = Timestamp(1_790_000_000)


def a_hash(seed: int = 1) -> Hash32:
    """Return a 32-byte value that is another one for another seed."""
    return Hash32(seed.to_bytes(32, "big"))


def an_occurrence(
    state: State = State.SENT,
    *,
    occurrence_id: int = 1,
    nonce: Nonce | None = None,
    attempt: int = 1,
    not_before: int = 0,
    due_at: int = NOW,
    inclusion: Inclusion | None = None,
    updated_at: int = NOW,
    settled: bool = False,
    job_id: str = "rent",
    version: int = 5,
) -> Occurrence:
    """Return an occurrence of the job `rent`."""
    return Occurrence(
        id=occurrence_id,
        job_id=job_id,
        slot="2026-03",
        ordinal=2,
        due_at=Timestamp(due_at),
        state=state,
        attempt=attempt,
        version=version,
        chain_id=CHAIN_ID,
        account=ACCOUNT,
        nonce=nonce or Nonce(7, 3),
        user_op_hash=a_hash(),
        not_before=Timestamp(not_before),
        inclusion=inclusion,
        settled=settled,
        updated_at=Timestamp(updated_at),
    )


def a_user_operation(nonce: Nonce | None = None, *, call_data: bytes = b"\x01") -> UserOperation:
    """Return an operation of the account with round numbers."""
    return UserOperation(
        sender=ACCOUNT,
        nonce=(nonce or Nonce(7, 3)).value,
        call_data=call_data,
        call_gas_limit=Gas(100_000),
        verification_gas_limit=Gas(200_000),
        pre_verification_gas=Gas(50_000),
        max_fee_per_gas=Wei(2_000_000_000),
        max_priority_fee_per_gas=Wei(1_000_000_000),
        signature=b"\x00" * 98,
    )


def a_signed_operation(
    occurrence: Occurrence, *, seed: int = 1, valid_until: int | None = None
) -> SignedOperation:
    """Return a signed operation for the occurrence's nonce."""
    nonce = occurrence.nonce or Nonce(7, 3)
    operation = a_user_operation(nonce)
    plan = Plan((Call(PAYEE, Wei(1), b""),), {"amount": "1"}, 100)
    draft = DraftOperation(
        occurrence.id, occurrence.attempt, CHAIN_ID, ENTRY_POINT, a_hash(9), nonce, plan, operation
    )
    priced = PricedOperation(draft, operation, Wei(7 * 10**14), ())
    until = None if valid_until is None else Timestamp(valid_until)
    return SignedOperation(priced, operation, a_hash(seed), until)


def a_journaled_operation(
    *, seed: int = 1, nonce: Nonce | None = None, valid_until: int | None = None
) -> JournaledOperation:
    """Return an operation as the journal gives it back."""
    place = nonce or Nonce(7, 3)
    return JournaledOperation(
        occurrence_id=1,
        attempt=1,
        chain_id=CHAIN_ID,
        entry_point=ENTRY_POINT,
        nonce=place,
        operation=a_user_operation(place),
        user_op_hash=a_hash(seed),
        valid_until=None if valid_until is None else Timestamp(valid_until),
        journaled_at=NOW,
        planned_at_block=100,
    )


def an_inclusion(
    *, block: int = 110, block_seed: int = 110, success: bool = True, delivered: bool | None = True
) -> Inclusion:
    """Return an inclusion of the operation with seed 1."""
    return Inclusion(
        user_op_hash=a_hash(),
        transaction_hash=a_hash(77),
        block_number=block,
        block_hash=a_hash(block_seed),
        success=success,
        actual_gas_cost_wei=Wei(10**14),
        delivered=delivered if success else None,
    )
