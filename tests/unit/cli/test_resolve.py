from dataclasses import replace

import pytest

from agent.commands.runs_resolve import Lane, NotResolvable, StillInFlight, check
from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import State
from agent.domain.units import Address, ChainId, Gas, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.ports import Block

NOW = Timestamp(1_800_000_000)
ACCOUNT = Address(b"\x01" * 20)


def a_run(state: State = State.HELD) -> Occurrence:
    return Occurrence(
        id=7,
        job_id="acme",
        slot="2026-03",
        ordinal=1,
        due_at=NOW,
        state=state,
        attempt=1,
        version=5,
        chain_id=ChainId(31337),
        account=ACCOUNT,
        held_from=State.SENT if state is State.HELD else None,
    )


def an_operation(sequence: int = 3, valid_until: Timestamp | None = None) -> JournaledOperation:
    operation = UserOperation(
        sender=ACCOUNT,
        nonce=sequence,
        call_data=b"",
        call_gas_limit=Gas(1),
        verification_gas_limit=Gas(1),
        pre_verification_gas=Gas(1),
        max_fee_per_gas=Wei(1),
        max_priority_fee_per_gas=Wei(1),
    )
    return JournaledOperation(
        occurrence_id=7,
        attempt=1,
        chain_id=ChainId(31337),
        entry_point=ACCOUNT,
        nonce=Nonce(0, sequence),
        operation=operation,
        user_op_hash=Hash32(bytes(32)),
        valid_until=valid_until,
        journaled_at=NOW,
        planned_at_block=1,
    )


def a_lane(sequence: int) -> Lane:
    return Lane(sequence, Block(100, Hash32(bytes(32)), NOW, Wei(0)))


def test_run_whose_operation_may_still_land_cannot_be_resolved() -> None:
    with pytest.raises(StillInFlight):
        check(a_run(), [an_operation(sequence=3)], a_lane(3), "paid by hand")


def test_run_whose_sequence_is_used_at_finality_can_be_resolved() -> None:
    check(a_run(), [an_operation(sequence=3)], a_lane(4), "seen in the explorer")


def test_operation_void_at_finality_can_no_longer_land() -> None:
    void = an_operation(sequence=3, valid_until=Timestamp(NOW - 1))
    alive = an_operation(sequence=3, valid_until=NOW)

    check(a_run(), [void], a_lane(3), "expired")
    with pytest.raises(StillInFlight):
        check(a_run(), [void, alive], a_lane(3), "expired")


def test_one_pending_operation_among_used_ones_is_enough_to_refuse() -> None:
    with pytest.raises(StillInFlight):
        check(a_run(), [an_operation(2), an_operation(3)], a_lane(3), "x")


def test_run_for_which_nothing_was_signed_can_be_resolved() -> None:
    check(a_run(), [], a_lane(0), "the owner changed the price")


@pytest.mark.parametrize("state", sorted(set(State) - {State.HELD, State.FOREIGN}))
def test_only_held_and_foreign_runs_wait_for_a_person(state: State) -> None:
    with pytest.raises(NotResolvable, match=str(state)):
        check(a_run(state), [], a_lane(9), "x")


def test_foreign_run_can_be_resolved() -> None:
    check(replace(a_run(State.FOREIGN)), [an_operation(3)], a_lane(4), "the owner paid himself")


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_decision_needs_a_reason(reason: str) -> None:
    with pytest.raises(NotResolvable, match="reason"):
        check(a_run(), [], a_lane(0), reason)
