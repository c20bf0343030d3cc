"""Sessions of jobs that the chain makes due: the job, or the operator, says how often and until when."""

from dataclasses import replace

import pytest

from agent.commands.session_cover import coverage_of_file
from agent.commands.session_edit import rederived
from agent.commands.session_lint import Surroundings, verdict
from agent.commands.session_need import SETTLE_MARGIN_S, UnfitSession, Wish, session_need
from agent.commands.session_new import Times
from agent.commands.session_sound import with_session
from agent.definitions.job_sessions import jobs_by_session
from agent.definitions.records import Definitions
from agent.definitions.session_writer import session_file
from agent.definitions.sessions import session_from
from agent.definitions.source import Report
from agent.definitions.yaml_tree import parse_yaml
from agent.domain.job import JobDefinition
from agent.domain.units import Timestamp
from jobs import KINDS
from jobs.conformance import Sample
from jobs.conformance.sample import ACCOUNT
from jobs.top_up import TopUp
from jobs.top_up_spec import TopUpSpec
from tests.unit.commands.test_session_need import DAY_S, START, a_draft, a_job
from tests.unit.commands.test_session_sound import definitions, made, sound  # noqa: F401 - a fixture
from tests.unit.jobs.loans.test_conformance import SAMPLES as LOANS
from tests.unit.jobs.samples import SAMPLES
from tests.unit.jobs.top_ups import EVERY_FORM

NOW = Timestamp(START - 1)
GRACE_S = DAY_S
UNTIL = Timestamp(START + 30 * DAY_S)
FIVE = Wish(uses=5, until=UNTIL)
forms = pytest.mark.parametrize("form", EVERY_FORM.keys())


class Bounded(TopUp):
    """A kind that says how often it acts and until when."""

    def expected_uses(self, spec: TopUpSpec) -> int | None:
        return 3

    def ends_at(self, spec: TopUpSpec) -> Timestamp | None:
        return Timestamp(START + 7 * DAY_S)


def a_triggered_job(form: str = "coin") -> JobDefinition:
    return replace(a_job("gas"), kind="top_up", schedule=None, spec=EVERY_FORM[form])


@forms
def test_session_made_for_it_covers_it_and_is_fit(definitions: Definitions, form: str) -> None:  # noqa: F811
    draft = a_draft(a_triggered_job(form))
    new = made(definitions, draft, FIVE)
    sound(definitions, draft, new, FIVE)
    assert coverage_of_file(new.definition, draft.jobs, definitions.kinds, NOW).is_covered


@pytest.mark.parametrize("sample", [*SAMPLES.values(), *LOANS.values()], ids=[*SAMPLES, *LOANS])
def test_session_made_for_any_kind_covers_it_and_is_fit(
    definitions: Definitions,  # noqa: F811
    sample: Sample,
) -> None:
    job = replace(
        a_job("any"), kind=sample.kind.name, schedule=None, spec=sample.read_spec(), account=ACCOUNT
    )
    draft = replace(a_draft(job), account=ACCOUNT)
    wish = replace(FIVE, uses=None) if sample.kind.expected_uses(job.spec) else FIVE
    new = made(definitions, draft, wish)
    sound(definitions, draft, new, wish)
    assert coverage_of_file(new.definition, draft.jobs, definitions.kinds, NOW).is_covered


def test_uses_and_end_are_what_the_operator_says() -> None:
    need = session_need(a_draft(a_triggered_job()), KINDS, FIVE, NOW, NOW)
    assert need.operations == 5 + 2
    assert need.until == UNTIL + GRACE_S + SETTLE_MARGIN_S
    assert need.actions[0].value_per_use_wei == 200


def test_a_kind_that_knows_both_is_asked_and_the_operator_may_ask_for_less() -> None:
    kinds = {"top_up": Bounded()}
    need = session_need(a_draft(a_triggered_job()), kinds, Wish(headroom=0), NOW, NOW)
    assert (need.operations, need.until) == (3, START + 7 * DAY_S + GRACE_S + SETTLE_MARGIN_S)
    earlier = Wish(headroom=0, uses=1, until=Timestamp(START + DAY_S))
    need = session_need(a_draft(a_triggered_job()), kinds, earlier, NOW, NOW)
    assert (need.operations, need.until) == (1, START + DAY_S + GRACE_S + SETTLE_MARGIN_S)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (Wish(until=UNTIL), "--uses"),
        (Wish(uses=5), "--until"),
        (Wish(uses=5, until=NOW), "is over"),
        (Wish(uses=10_001, until=UNTIL), "1 to 10000"),
        (Wish(periods=5, until=UNTIL), "--uses"),
    ],
)
def test_what_nobody_bounds_is_refused(wish: Wish, reason: str) -> None:
    with pytest.raises(UnfitSession, match=reason):
        session_need(a_draft(a_triggered_job()), KINDS, wish, NOW, NOW)


def test_scheduled_and_triggered_jobs_share_a_session() -> None:
    draft = a_draft(a_job(), a_triggered_job())
    need = session_need(draft, KINDS, replace(FIVE, headroom=0), NOW, NOW)
    assert need.operations == 3 + 5
    assert len(need.actions) == 2


def test_the_number_stays_with_the_session_s_file(definitions: Definitions) -> None:  # noqa: F811
    new = made(definitions, a_draft(a_triggered_job()), FIVE)
    report = Report()
    document = parse_yaml("sessions/main.yaml", session_file(new.definition), report)
    assert document is not None
    again = session_from(document, report)
    assert again is not None
    assert (again.uses, report.mistakes) == (5, [])


def test_edit_keeps_the_number_and_asks_for_the_end(definitions: Definitions) -> None:  # noqa: F811
    draft = a_draft(a_triggered_job())
    before = made(definitions, draft, FIVE).definition
    times = Times(NOW, NOW)
    with pytest.raises(UnfitSession, match="--until"):
        rederived(definitions, before, draft.jobs, Wish(), times)
    after = rederived(definitions, before, draft.jobs, Wish(until=UNTIL), times)
    assert (after.uses, after.session) == (5, before.session)
    assert rederived(definitions, before, draft.jobs, Wish(uses=2, until=UNTIL), times).uses == 2


def test_lint_knows_the_need_of_a_triggered_job(definitions: Definitions) -> None:  # noqa: F811
    draft = a_draft(a_triggered_job("token"))
    new = made(definitions, draft, FIVE)
    for uses, rules in ((5, set()), (4, {"L13", "L21"})):
        session = replace(new.definition, uses=uses)
        files = with_session(definitions, draft.jobs, session)
        assert jobs_by_session(files.jobs.values(), files.sessions)["main"]
        found = verdict(Surroundings(files), session, NOW).findings
        assert {item.rule for item in found} == rules


def test_longer_job_than_session_is_a_gap(definitions: Definitions) -> None:  # noqa: F811
    draft = a_draft(a_triggered_job())
    new = made(definitions, draft, replace(FIVE, until=Timestamp(START + DAY_S)))
    kinds = {**definitions.kinds, "top_up": Bounded()}
    (gap,) = coverage_of_file(new.definition, draft.jobs, kinds, NOW).gaps
    assert gap.code == "ends_too_early"
