"""Whatever the jobs, the session derived for them covers them and is fit to be granted."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.commands.session_cover import coverage_of_file, gap_words
from agent.commands.session_lint import LintRefused
from agent.commands.session_need import Wish
from agent.commands.session_new import NewSession, Times, new_sessions
from agent.commands.session_sound import NotCovered, require_sound
from agent.definitions.drafts import Draft
from agent.definitions.loader import load
from agent.definitions.records import Definitions
from agent.domain.job import JobDefinition
from agent.domain.recurrence import Interval
from agent.domain.schedule import Schedule
from agent.domain.session import ActionData, Session
from agent.domain.units import Hash32, Timestamp
from tests.unit.commands.test_session_need import DAY_S, ENDLESS, ETHER, START, USDC, a_draft, a_job
from tests.unit.definitions.files import CONFIG, ENVIRONMENT, write_files

NOW = Timestamp(START - 1)
TIMES = Times(NOW, NOW)
ALL = Wish()


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    files = {"sessionkeeper.yaml": CONFIG, "sessions/alice.yaml": None, "jobs/rent.yaml": None}
    config = CONFIG.replace("id: 31337", "id: 8453").replace(
        "raw: keys/worker.hex", 'keystore: keys/worker.json\n    password: "fd:3"'
    )
    config = config.replace(
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x1111111111111111111111111111111111111111"
    )
    folder = write_files(tmp_path_factory.mktemp("files"), {**files, "sessionkeeper.yaml": config})
    return load(folder, ENVIRONMENT, with_jobs=False)


def made(definitions: Definitions, draft: Draft, wish: Wish = ALL) -> NewSession:
    (new,) = new_sessions(definitions, (draft,), None, wish, TIMES, lambda: Hash32(b"\x05" * 32))
    return new


def sound(definitions: Definitions, draft: Draft, new: NewSession, wish: Wish = ALL) -> None:
    require_sound(definitions, (draft,), (new,), wish, NOW)


JOBS = st.builds(
    a_job,
    st.sampled_from(("rent", "dues", "tips")),
    schedule=st.builds(
        lambda days, count: Schedule(Interval(START, days * DAY_S), start=START, count=count),
        st.integers(1, 30),
        st.integers(1, 12),
    ),
    retries=st.lists(st.integers(60, 9_000), max_size=4).map(tuple),
    max_gas=st.none() | st.integers(100_000, 5_000_000),
    max_cost_wei=st.integers(1, 10**17),
)
TERMS = st.tuples(st.integers(1, 10**30), st.sampled_from((USDC, ETHER)))
WISHES = st.builds(Wish, st.none() | st.integers(1, 20), st.none() | st.integers(0, 9))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(st.lists(JOBS, min_size=1, max_size=3, unique_by=lambda job: job.id), TERMS, WISHES)
def test_derived_session_covers_its_jobs_and_is_fit(
    definitions: Definitions, jobs: list[JobDefinition], terms: tuple[int, object], wish: Wish
) -> None:
    amount, token = terms
    same = a_job(amount=amount, token=token).spec  # type: ignore[arg-type]  # a Token, drawn as an object
    draft = a_draft(*(replace(job, spec=same) for job in jobs))
    sound(definitions, draft, made(definitions, draft, wish), wish)


def narrowed(new: NewSession, **fields: object) -> NewSession:
    session: Session = replace(new.definition.session, **fields)  # type: ignore[arg-type]  # the fields of Session
    return replace(new, definition=replace(new.definition, session=session))


def test_session_without_its_action_is_not_written(definitions: Definitions) -> None:
    draft = a_draft()
    with pytest.raises(
        NotCovered, match=r"lacks 1 .*: not_granted for transfer\(address,uint256\) of 0x7070"
    ):
        sound(definitions, draft, narrowed(made(definitions, draft), actions=()))


def test_session_with_more_than_its_jobs_need_is_not_written(definitions: Definitions) -> None:
    draft = a_draft()
    new = made(definitions, draft)
    wide = ActionData(b"\x00\x00\x00\x01", new.definition.account, ())
    actions = (*new.definition.session.actions, wide)
    with pytest.raises(LintRefused, match="L03"):
        sound(definitions, draft, narrowed(new, actions=actions))


def test_periods_that_a_session_is_not_for_are_told(definitions: Definitions) -> None:
    draft = a_draft()
    new = made(definitions, draft, Wish(periods=2, headroom=0))
    (gap, *rest) = coverage_of_file(new.definition, draft.jobs, definitions.kinds, NOW).gaps
    assert gap_words(gap, {}).startswith("spending_limit by ERC20SpendingLimit for transfer(address,uint256)")
    assert (gap.asked, gap.granted) == (36_000_000, 24_000_000)
    assert "ends_too_early" not in {item.code for item in rest}, "a day's margin is left for what is late"
    assert coverage_of_file(new.definition, draft.jobs, definitions.kinds, NOW, 2).is_covered


def test_endless_job_is_covered_until_its_session_ends(definitions: Definitions) -> None:
    draft = a_draft(a_job(schedule=ENDLESS))
    new = made(definitions, draft, Wish(periods=5))
    found = coverage_of_file(new.definition, draft.jobs, definitions.kinds, NOW)
    assert found.is_covered, found.gaps
    assert found.periods == 5


def test_session_that_has_ended_is_for_nothing(definitions: Definitions) -> None:
    draft = a_draft(a_job(schedule=ENDLESS))
    new = made(definitions, draft, Wish(periods=5))
    later = replace(new.definition, made_at=Timestamp(START + 90 * DAY_S))
    found = coverage_of_file(later, draft.jobs, definitions.kinds, NOW)
    assert [gap.code for gap in found.gaps] == ["nothing_due"]
