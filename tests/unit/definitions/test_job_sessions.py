"""Jobs that name several sessions, and what that leaves of their identity."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from agent.definitions.drafts import read_drafts
from agent.definitions.job_sessions import jobs_by_session
from agent.definitions.session_writer import session_file
from agent.definitions.sessions import SessionDefinition
from agent.domain.job import JobDefinition
from agent.smart_sessions.addresses import SMART_SESSION_PREVIOUS
from tests.unit.definitions.files import ACCOUNT, JOB, PAYEE, a_session, edited, load_files, mistakes_in

ALICE, BOB, CAROL = a_session(), a_session(name="bob"), a_session(name="carol")
TEMPLATE = JOB.replace(f'account: "{ACCOUNT}"\nsession: alice\n', "session: alice\nrows: rows.csv\n")


def sessions(*definitions: SessionDefinition) -> dict[str, str]:
    return {f"sessions/{item.name}.yaml": session_file(item) for item in definitions}


def a_job(root: Path, line: str, *others: SessionDefinition) -> JobDefinition:
    files = {**sessions(ALICE, BOB, *others), **edited("jobs/rent.yaml", "session: alice", line)}
    return load_files(root, files).jobs["rent"]


def mistakes(root: Path, line: str, files: Mapping[str, str]) -> list[tuple[str, str]]:
    edit = edited("jobs/rent.yaml", "session: alice", line)
    return [(item.code, str(item.place)) for item in mistakes_in(root, {**files, **edit})]


def test_a_job_names_several_sessions_in_order(tmp_path: Path) -> None:
    job = a_job(tmp_path, "sessions: [bob, alice]")

    assert (job.session, job.sessions) == ("bob", ("bob", "alice"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sessions: [alice, bop]", ("unknown_session", "jobs/rent.yaml:5:19")),
        ("sessions: [alice, bob, alice]", ("duplicate_session_name", "jobs/rent.yaml:5:24")),
        ("sessions: []", ("no_session", "jobs/rent.yaml:5:11")),
        ("sessions: [alice, Bob]", ("bad_name", "jobs/rent.yaml:5:19")),
        ("session: alice\nsessions: [bob]", ("two_session_keys", "jobs/rent.yaml:6:1")),
        ("reference: R-1", ("missing_key", "jobs/rent.yaml:1:1")),
    ],
)
def test_mistakes_among_the_names_are_told_where_they_stand(
    tmp_path: Path, line: str, expected: tuple[str, str]
) -> None:
    assert mistakes(tmp_path, line, sessions(ALICE, BOB)) == [expected]


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (a_session(name="bob", account=PAYEE), "wrong_account"),
        (a_session(name="bob", target=PAYEE), "session_lacks_action"),
        (replace(BOB, smart_session=SMART_SESSION_PREVIOUS), "wrong_module"),
    ],
)
def test_each_session_named_must_fit(tmp_path: Path, other: SessionDefinition, code: str) -> None:
    assert mistakes(tmp_path, "sessions: [alice, bob]", sessions(ALICE, other)) == [
        (code, "jobs/rent.yaml:5:19")
    ]


def test_a_row_has_sessions_of_its_own(tmp_path: Path) -> None:
    rows = f"id,account,sessions\nanna,{ACCOUNT},bob alice\nbert,{ACCOUNT},\n"
    files = {**sessions(ALICE, BOB), "jobs/rent.yaml": TEMPLATE, "jobs/rows.csv": rows}

    jobs = load_files(tmp_path, files).jobs

    assert {name: job.sessions for name, job in jobs.items()} == {
        "rent-anna": ("bob", "alice"),
        "rent-bert": ("alice",),
    }


def test_one_session_replaces_the_template_s_list(tmp_path: Path) -> None:
    template = TEMPLATE.replace("session: alice", "sessions: [alice, bob]")
    rows = f"id,account,session\nanna,{ACCOUNT},bob\nbert,{ACCOUNT},\n"
    files = {**sessions(ALICE, BOB), "jobs/rent.yaml": template, "jobs/rows.csv": rows}

    jobs = load_files(tmp_path, files).jobs

    assert [jobs[name].sessions for name in ("rent-anna", "rent-bert")] == [("bob",), ("alice", "bob")]


@pytest.mark.parametrize("line", ["sessions: [alice, bob]", "session: carol", "sessions: [carol, bob]"])
def test_rotation_and_further_sessions_leave_the_identity(tmp_path: Path, line: str) -> None:
    heir = replace(CAROL, succeeds="alice")
    before = a_job(tmp_path / "before", "session: alice", heir)

    after = a_job(tmp_path / "after", line, heir)

    assert before.identity_digest == after.identity_digest
    assert before.digest != after.digest


@pytest.mark.parametrize("line", ["session: bob", "sessions: [bob, alice]", "session: carol"])
def test_another_first_session_is_another_job(tmp_path: Path, line: str) -> None:
    before = a_job(tmp_path / "before", "sessions: [alice, bob]", CAROL)

    assert before.identity_digest != a_job(tmp_path / "after", line, CAROL).identity_digest


def test_successors_serve_the_jobs_of_the_session_they_took_over_from(tmp_path: Path) -> None:
    heir = replace(CAROL, succeeds="alice")
    job = a_job(tmp_path, "sessions: [alice, bob]", heir)

    served = jobs_by_session([job], {item.name: item for item in (ALICE, BOB, heir)})

    assert {name: [item.id for item in jobs] for name, jobs in served.items()} == {
        "alice": ["rent"],
        "carol": ["rent"],
        "bob": ["rent"],
    }


@pytest.mark.parametrize("line", ["sessions: [new-one, new-two]", "sessions: new-one new-two"])
def test_sessions_still_to_be_made_are_drafted_each(tmp_path: Path, line: str) -> None:
    definitions = load_files(tmp_path, {})
    job = JOB.replace("id: rent", "id: more").replace("session: alice", line)
    (tmp_path / "jobs" / "more.yaml").write_text(job)

    drafts = read_drafts(definitions, "more.yaml", "nexus")

    assert [(draft.session, [job.id for job in draft.jobs]) for draft in drafts] == [
        ("new-one", ["more"]),
        ("new-two", ["more"]),
    ]
