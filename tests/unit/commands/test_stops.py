from pathlib import Path

from agent.commands.stops import names_nothing, session_names, stops, way_out, what_is_held
from agent.domain.hold import AccountScope, AllScope, ChainScope, Hold, JobScope, Scope, SessionScope
from agent.domain.kill import ACKNOWLEDGED, KILLED, KillOrder
from agent.domain.units import Address, ChainId
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash
from tests.unit.definitions.files import a_session, load_files


def test_a_kill_is_told_with_its_answer_and_once() -> None:
    holds = [
        Hold(AllScope(), KILLED, "looks wrong", NOW, "1"),
        Hold(AllScope(), ACKNOWLEDGED, "process 7 has nothing", NOW, "1"),
    ]
    (told,) = stops(holds, [KillOrder(AllScope(), "1", "looks wrong")], NOW)
    assert (told.code, told.reason) == (KILLED, "looks wrong; process 7 has nothing")


def test_an_order_that_is_not_journaled_is_told_so() -> None:
    (told,) = stops([], [KillOrder(JobScope("rent"), "1", "looks wrong")], NOW)
    assert (told.scope, told.code) == (JobScope("rent"), KILLED)
    assert told.reason == "looks wrong; it stands in the kill file, not in the journal yet"


def test_each_hold_has_its_way_out() -> None:
    session = SessionScope(CHAIN_ID, ACCOUNT, a_hash(9))
    held: list[tuple[Scope, str]] = [
        (AllScope(), KILLED),
        (JobScope("rent"), "breaker_reverts"),
        (session, "session_widened"),
        (session, KILLED),
        (ChainScope(CHAIN_ID), "deep_reorg"),
    ]
    assert [way_out(Hold(scope, code, "", NOW), {}) for scope, code in held] == [
        "sessionkeeper unkill --scope all --reason TEXT",
        "sessionkeeper unkill --scope job:rent --code breaker_reverts --reason TEXT",
        "sessionkeeper sessions release NAME --reason TEXT",
        f"sessionkeeper unkill --scope {session} --reason TEXT",
        "sessionkeeper unkill --scope chain:31337 --code deep_reorg --reason TEXT",
    ]


def test_a_session_is_told_by_its_name() -> None:
    definition = a_session(name="alice")
    scope = SessionScope(definition.chain_id, definition.account, definition.permission_id)
    names = session_names([definition])
    hold, other = Hold(scope, "session_widened", "", NOW), Hold(ChainScope(CHAIN_ID), "deep_reorg", "", NOW)

    assert what_is_held(hold, names) == f"session alice ({scope})"
    assert way_out(hold, names) == "sessionkeeper sessions release alice --reason TEXT"
    assert what_is_held(other, names) == "chain:31337"


def test_a_scope_that_no_file_knows_is_told(tmp_path: Path) -> None:
    definitions = load_files(tmp_path)
    (job,) = definitions.jobs.values()
    (session,) = session_names(definitions.sessions.values())
    known: list[Scope] = [
        AllScope(),
        JobScope(job.id),
        ChainScope(job.chain_id),
        AccountScope(job.chain_id, job.account),
    ]
    slips: list[Scope] = [
        JobScope("rnet"),
        ChainScope(ChainId(1)),
        AccountScope(job.chain_id, Address(b"\x01" * 20)),
        SessionScope(job.chain_id, job.account, a_hash(9)),
    ]
    assert [scope for scope in [*known, session] if names_nothing(scope, definitions)] == []
    assert [scope for scope in slips if names_nothing(scope, definitions)] == slips
