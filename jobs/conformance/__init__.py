"""What every job kind must satisfy, as checks that any test runner can call.

A kind passes when each of `CHECKS` returns for each of its samples:

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_kind_conforms(check):
        check(SAMPLE)

The checks need nothing beyond the agent. What they try is generated from the sample alone, so a failure
comes again at every run.
"""

from collections.abc import Callable

from jobs.conformance.decisions import (
    acts_as_declared,
    answers_every_view,
    decides_the_same_again,
    does_nothing_blind,
    ends_in_a_delivery,
)
from jobs.conformance.declarations import (
    declares_itself,
    identity_is_its_own,
    objects_to_nothing_in_a_sound_file,
    reads_are_calls,
    schema_is_complete,
    spec_reads_back_the_same,
)
from jobs.conformance.purity import touches_nothing_outside
from jobs.conformance.sample import NonConforming, Sample
from jobs.conformance.sessions import session_is_enough
from jobs.conformance.watching import (
    fires_as_declared,
    fires_never_blind,
    looks_again_later,
    scheduled_kinds_watch_nothing,
)

__all__ = ["CHECKS", "Check", "NonConforming", "Sample"]

Check = Callable[[Sample], None]
CHECKS: tuple[Check, ...] = (
    declares_itself,
    schema_is_complete,
    spec_reads_back_the_same,
    identity_is_its_own,
    objects_to_nothing_in_a_sound_file,
    reads_are_calls,
    touches_nothing_outside,
    decides_the_same_again,
    answers_every_view,
    does_nothing_blind,
    acts_as_declared,
    ends_in_a_delivery,
    session_is_enough,
    scheduled_kinds_watch_nothing,
    fires_as_declared,
    fires_never_blind,
    looks_again_later,
)
"""Each raises NonConforming, with what the kind did, where it does not hold."""
