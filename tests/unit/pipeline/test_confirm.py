"""What the chain's evidence means for an operation in flight."""

from agent.domain.occurrence import Inclusion
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.confirm import Evidence, Happened, KeepWaiting, Resend, judge
from tests.builders import NOW, a_journaled_operation, an_inclusion, an_occurrence


def seen(inclusion: Inclusion | None = None, *, final_sequence: int = 3, final_block: int = 105) -> Evidence:
    return Evidence(inclusion, final_sequence, final_block, NOW)


def events_of(verdict: object) -> Event | None:
    return verdict.event if isinstance(verdict, Happened) else None


OPERATIONS = (a_journaled_operation(),)


def test_our_own_log_decides_that_it_was_included() -> None:
    sent = an_occurrence(State.SENT)

    assert judge(sent, OPERATIONS, seen(an_inclusion()), NOW) == Happened(Event.SEE_OK, an_inclusion())


def test_a_reverted_execution_is_included_as_a_failure() -> None:
    reverted = an_inclusion(success=False)

    assert judge(an_occurrence(), OPERATIONS, seen(reverted), NOW) == Happened(Event.SEE_FAIL, reverted)


def test_a_crash_before_the_answer_is_no_reason_to_miss_the_inclusion() -> None:
    signed = an_occurrence(State.SIGNED)

    assert events_of(judge(signed, OPERATIONS, seen(an_inclusion()), NOW)) is Event.SEE_OK


def test_a_sequence_used_at_a_final_block_by_no_hash_of_ours_is_foreign() -> None:
    verdict = judge(an_occurrence(), OPERATIONS, seen(final_sequence=4), NOW)

    assert events_of(verdict) is Event.SEE_FOREIGN


def test_our_log_outranks_the_final_sequence() -> None:
    verdict = judge(an_occurrence(), OPERATIONS, seen(an_inclusion(), final_sequence=4), NOW)

    assert events_of(verdict) is Event.SEE_OK


def test_quiet_operations_are_sent_again_as_they_are() -> None:
    assert judge(an_occurrence(not_before=NOW), OPERATIONS, seen(), NOW) == Resend()


def test_an_operation_is_left_alone_until_its_time() -> None:
    assert judge(an_occurrence(not_before=NOW + 1), OPERATIONS, seen(), NOW) == KeepWaiting()


def test_it_is_void_only_when_every_signed_operation_is() -> None:
    ended = a_journaled_operation(valid_until=NOW - 1)
    lives = a_journaled_operation(seed=2, valid_until=NOW)
    waiting = an_occurrence(not_before=NOW + 1)

    assert events_of(judge(waiting, (ended,), seen(), NOW)) is Event.VOID
    assert judge(waiting, (ended, lives), seen(), NOW) == KeepWaiting()


def test_an_operation_without_an_end_is_never_void() -> None:
    verdict = judge(an_occurrence(not_before=NOW + 1), OPERATIONS, seen(), Timestamp(NOW))

    assert verdict == KeepWaiting()


def test_success_is_final_only_at_a_final_block() -> None:
    included = an_occurrence(State.INCLUDED_OK, inclusion=an_inclusion())

    assert judge(included, OPERATIONS, seen(an_inclusion(), final_block=109), NOW) == KeepWaiting()
    assert (
        events_of(judge(included, OPERATIONS, seen(an_inclusion(), final_block=110), NOW)) is Event.FINALIZE
    )


def test_a_block_that_left_the_chain_takes_the_operation_back() -> None:
    included = an_occurrence(State.INCLUDED_OK, inclusion=an_inclusion())
    elsewhere = an_inclusion(block_seed=999)

    assert events_of(judge(included, OPERATIONS, seen(None, final_block=200), NOW)) is Event.REORG
    assert events_of(judge(included, OPERATIONS, seen(elsewhere, final_block=200), NOW)) is Event.REORG


def test_success_without_delivery_waits_for_a_person() -> None:
    undelivered = an_inclusion(delivered=False)
    included = an_occurrence(State.INCLUDED_OK, inclusion=undelivered)

    verdict = judge(included, OPERATIONS, seen(undelivered, final_block=110), NOW)

    assert events_of(verdict) is Event.HOLD


def test_a_failure_is_final_only_at_a_final_block() -> None:
    reverted = an_inclusion(success=False)
    included = an_occurrence(State.INCLUDED_FAIL, inclusion=reverted)

    assert judge(included, OPERATIONS, seen(reverted, final_block=109), NOW) == KeepWaiting()
    assert events_of(judge(included, OPERATIONS, seen(reverted, final_block=110), NOW)) is Event.FINALIZE
