"""What the chain's evidence means for an operation in flight."""

from dataclasses import replace

from agent.domain.occurrence import Inclusion
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.confirm import NOBODY_KNOWS, Evidence, Happened, KeepWaiting, Resend, judge
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


def test_success_that_nobody_could_look_at_waits_for_a_person() -> None:
    unknown = an_inclusion(delivered=None)
    included = an_occurrence(State.INCLUDED_OK, inclusion=unknown)

    verdict = judge(included, OPERATIONS, seen(unknown, final_block=110), NOW)

    assert verdict == Happened(Event.HOLD, unknown, "delivery_unknown", NOBODY_KNOWS)


def test_a_cancel_counts_only_when_it_is_final_for_until_then_the_payment_may_come_back() -> None:
    cancel = replace(a_journaled_operation(), cancels=True)
    payment = a_journaled_operation(seed=2)
    landed = an_inclusion(delivered=None)

    early = judge(an_occurrence(), (payment, cancel), seen(landed, final_block=109), NOW)
    late = judge(an_occurrence(), (payment, cancel), seen(landed, final_block=110), NOW)

    assert early == KeepWaiting()
    assert events_of(late) is Event.SEE_CANCEL


def test_a_cancel_that_reverted_used_the_nonce_all_the_same() -> None:
    cancel = replace(a_journaled_operation(), cancels=True)

    verdict = judge(an_occurrence(), (cancel,), seen(an_inclusion(success=False), final_block=110), NOW)

    assert events_of(verdict) is Event.SEE_CANCEL


def test_the_payment_may_land_although_a_cancel_was_signed() -> None:
    cancel = replace(a_journaled_operation(seed=2), cancels=True)

    verdict = judge(an_occurrence(), (a_journaled_operation(), cancel), seen(an_inclusion()), NOW)

    assert events_of(verdict) is Event.SEE_OK


def test_a_failure_that_is_safe_to_repeat_counts_at_confirmation_depth() -> None:
    reverted, paid = an_inclusion(success=False), an_inclusion()
    failed = an_occurrence(State.INCLUDED_FAIL, inclusion=reverted)
    included = an_occurrence(State.INCLUDED_OK, inclusion=paid)

    def at(sure_block: int, inclusion: Inclusion) -> Evidence:
        return replace(seen(inclusion, final_block=105), sure_block=sure_block)

    assert judge(failed, OPERATIONS, at(109, reverted), NOW) == KeepWaiting()
    assert events_of(judge(failed, OPERATIONS, at(110, reverted), NOW)) is Event.FINALIZE
    assert judge(included, OPERATIONS, at(110, paid), NOW) == KeepWaiting()


def test_a_failure_is_final_only_at_a_final_block() -> None:
    reverted = an_inclusion(success=False)
    included = an_occurrence(State.INCLUDED_FAIL, inclusion=reverted)

    assert judge(included, OPERATIONS, seen(reverted, final_block=109), NOW) == KeepWaiting()
    assert events_of(judge(included, OPERATIONS, seen(reverted, final_block=110), NOW)) is Event.FINALIZE


def test_an_attempt_that_was_void_counts_when_it_lands_after_all() -> None:
    """An owner may extend the session it was signed under; the attempt after it has the same nonce."""
    void = a_journaled_operation(seed=1, valid_until=NOW - 1)
    again = replace(a_journaled_operation(seed=2), attempt=2)
    run = an_occurrence(State.SENT, attempt=2)

    verdict = judge(run, (void, again), seen(an_inclusion()), NOW)

    assert void.nonce == again.nonce == run.nonce
    assert isinstance(verdict, Happened)
    assert (verdict.event, verdict.inclusion) == (Event.SEE_OK, an_inclusion())
