import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from agent.definitions.config import ClockKind, Mode
from agent.definitions.fields import Finality
from agent.definitions.loader import load
from agent.definitions.mistakes import DefinitionError
from agent.definitions.session_writer import session_file
from agent.domain.token import Token, TokenAmount
from agent.domain.units import Address, ChainId, Wei
from agent.erc4337.version import EntryPointVersion
from jobs.subscription import SubscriptionSpec
from tests.unit.definitions.files import (
    ACCOUNT,
    CONFIG,
    ENVIRONMENT,
    JOB,
    PAYEE,
    USDC,
    a_session,
    edited,
    load_files,
    mistakes_in,
    write_files,
)

TEMPLATE = JOB.replace(f'account: "{ACCOUNT}"\nsession: alice\n', "session: alice\nrows: rows.csv\n")


@pytest.fixture
def raised_recursion_limit() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    yield
    sys.setrecursionlimit(limit)


def test_good_files_become_definitions(tmp_path: Path) -> None:
    definitions = load_files(tmp_path)
    chain = definitions.chains[ChainId(31_337)]
    job = definitions.jobs["rent"]
    assert (definitions.mode, definitions.clock) == (Mode.LIVE, ClockKind.WALL)
    assert (chain.name, chain.block_time_s, chain.finality) == ("devnet", 1, Finality())
    assert chain.entry_point_version is EntryPointVersion.V07
    assert definitions.keys["worker"].raw == tmp_path / "keys/worker.hex"
    assert definitions.sessions["alice"].session == a_session().session
    assert (job.account, job.account_kind, job.session) == (ACCOUNT, "nexus", "alice")
    assert job.spec == SubscriptionSpec.model_construct(
        amount=TokenAmount(Token("USDC", USDC, 6), 10_000_000), payee=PAYEE, recheck=3_600
    )
    assert job.fees.max_cost_wei == Wei(10**16)


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    found = mistakes_in(
        tmp_path,
        {
            **edited("sessionkeeper.yaml", "mode: live", "mode: alive"),
            **edited("sessions/alice.yaml", "kind: nexus", "kind: nexsus"),
            "jobs/rent.yaml": JOB.replace("10 USDC", "ten").replace("grace: 3d", "grace: long"),
            "jobs/second.yaml": JOB.replace("id: rent", "id: SECOND").replace("Europe/Berlin", "Mars"),
        },
    )
    assert [(item.place.file, item.code) for item in found] == [
        ("jobs/rent.yaml", "bad_amount"),
        ("jobs/rent.yaml", "bad_duration"),
        ("jobs/second.yaml", "bad_name"),
        ("jobs/second.yaml", "bad_time_zone"),
        ("sessionkeeper.yaml", "not_one_of"),
        ("sessions/alice.yaml", "not_one_of"),
    ]


def test_a_broken_configuration_hides_no_mistake_of_a_job(tmp_path: Path) -> None:
    found = mistakes_in(
        tmp_path, {"sessionkeeper.yaml": ": [", **edited("jobs/rent.yaml", "grace: 3d", "grace: x")}
    )
    assert {item.code for item in found} == {"bad_yaml", "bad_duration"}


def test_the_message_is_one_line_per_mistake(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        load_files(tmp_path, edited("jobs/rent.yaml", "grace: 3d", "grace: x"))
    assert str(caught.value).startswith("jobs/rent.yaml:14:8 bad_duration 'x' is not a duration; write 15m")


def test_no_secret_shows_in_what_is_loaded(tmp_path: Path) -> None:
    definitions = load_files(tmp_path)
    assert "secret-rpc-key" not in repr(definitions)
    [url] = definitions.chains[ChainId(31_337)].rpc_urls
    assert url.get_secret_value() == "http://127.0.0.1:8545/secret-rpc-key"


def test_no_secret_shows_in_a_mistake(tmp_path: Path) -> None:
    files = edited("sessionkeeper.yaml", "http://127.0.0.1:8545/", "ftp://user:")
    [mistake] = mistakes_in(tmp_path, files)
    assert mistake.code == "bad_url"
    assert "secret-rpc-key" not in str(mistake)


def test_a_url_can_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "rpc-url").write_text("https://node.example/key\n")
    definitions = load_files(
        tmp_path, edited("sessionkeeper.yaml", "http://127.0.0.1:8545/${RPC_KEY}", "file:rpc-url")
    )
    [url] = definitions.chains[ChainId(31_337)].rpc_urls
    assert url.get_secret_value() == "https://node.example/key"


def test_a_relative_store_starts_at_the_folder_of_the_files(tmp_path: Path) -> None:
    store = load_files(tmp_path).store_url.get_secret_value()
    assert store == f"sqlite:///{tmp_path}/state/journal.db"


def test_rows_become_one_job_each(tmp_path: Path) -> None:
    rows = f"id,account,amount,reference\nanna,{ACCOUNT},12.5 USDC,R-1\nbob,{ACCOUNT},,\n"
    definitions = load_files(tmp_path, {"jobs/rent.yaml": TEMPLATE, "jobs/rows.csv": rows})
    anna, bob = definitions.jobs.values()
    assert (anna.id, anna.reference, str(anna.place)) == ("rent-anna", "R-1", "jobs/rows.csv:2:1")
    assert isinstance(anna.spec, SubscriptionSpec)
    assert isinstance(bob.spec, SubscriptionSpec)
    assert anna.spec.amount.base_units == 12_500_000
    assert bob.spec.amount.base_units == 10_000_000, "an empty cell leaves the value to the template"


def test_json_lines_say_the_same_as_csv(tmp_path: Path) -> None:
    csv = f'id,account,amount,reference\nanna,{ACCOUNT},"1 USDC","a, b"\n'
    line = f'{{"id": "anna", "account": "{ACCOUNT}", "amount": "1 USDC", "reference": "a, b"}}\n'
    from_csv = load_files(tmp_path / "csv", {"jobs/rent.yaml": TEMPLATE, "jobs/rows.csv": csv})
    template = TEMPLATE.replace("rows.csv", "rows.jsonl")
    from_json = load_files(tmp_path / "json", {"jobs/rent.yaml": template, "jobs/rows.jsonl": line})
    assert from_csv.jobs["rent-anna"].digest == from_json.jobs["rent-anna"].digest


def test_a_mistake_in_the_template_is_told_once(tmp_path: Path) -> None:
    rows = f"id,account\nanna,{ACCOUNT}\nbob,{ACCOUNT}\n"
    template = TEMPLATE.replace("10 USDC", "10 USDT")
    [mistake] = mistakes_in(tmp_path, {"jobs/rent.yaml": template, "jobs/rows.csv": rows})
    assert (str(mistake.place), mistake.code) == ("jobs/rent.yaml:12:11", "unknown_token")


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions are called: as much work on a slow machine as on a quick one."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def test_ten_thousand_rows_take_no_more_each_than_a_thousand(tmp_path: Path) -> None:
    calls: list[int] = []
    for many in (1_000, 10_000):
        rows = [f"p{number},{ACCOUNT},{number + 1} USDC,{number}" for number in range(many)]
        text = "\n".join(["id,account,amount,lane", *rows])
        folder = write_files(tmp_path / str(many), {"jobs/rent.yaml": TEMPLATE, "jobs/rows.csv": text})
        assert len(load(folder, ENVIRONMENT).jobs) == many
        calls.append(calls_of(partial(load, folder, ENVIRONMENT)))
    few, all_of_them = calls
    assert all_of_them < 10.5 * few


@pytest.mark.usefixtures("raised_recursion_limit")
@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused_before_it_is_built(tmp_path: Path, opening: str) -> None:
    def codes(levels: int) -> set[str]:
        return {item.code for item in mistakes_in(tmp_path, {"jobs/rent.yaml": opening * levels})}

    shallow, deep = codes(600), codes(60_000)
    assert shallow == deep
    assert deep <= {"too_deep", "bad_key"}
    assert deep
    assert calls_of(lambda: codes(60_000)) < 1.1 * calls_of(lambda: codes(600))


@pytest.mark.usefixtures("raised_recursion_limit")
def test_deep_json_rows_are_refused_before_they_are_parsed(tmp_path: Path) -> None:
    template = TEMPLATE.replace("rows.csv", "rows.jsonl")
    [mistake] = mistakes_in(tmp_path, {"jobs/rent.yaml": template, "jobs/rows.jsonl": "[" * 60_000})
    assert mistake.code == "bad_row"


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    found = mistakes_in(tmp_path, {"jobs/rent.yaml": "\n".join(["a0: &a0 x", *levels])})
    assert "alias" in {item.code for item in found}


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text(JOB)
    root = write_files(tmp_path / "config", {"jobs/rent.yaml": None})
    (root / "jobs/rent.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(DefinitionError) as caught:
        load(root, ENVIRONMENT)
    assert [item.code for item in caught.value.mistakes] == ["outside_folder"]


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    root = write_files(tmp_path, {"jobs/rent.yaml": None, "data/rent.yaml": JOB})
    (root / "jobs/rent.yaml").symlink_to("../data/rent.yaml")
    assert set(load(root, ENVIRONMENT).jobs) == {"rent"}


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    root = write_files(tmp_path, {"jobs/rent.yaml": None})
    os.mkfifo(root / "jobs/rent.yaml")
    with pytest.raises(DefinitionError) as caught:
        load(root, ENVIRONMENT)
    assert [item.code for item in caught.value.mistakes] == ["not_a_file"]


def test_a_folder_without_configuration_says_so(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, {})
    assert [item.code for item in caught.value.mistakes] == ["file_missing"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f'payee: "{PAYEE}"', f'payee: "{Address(bytes(19) + bytes([7]))}"'),
        ("session: alice", "session: bob"),
    ],
)
def test_another_payee_or_session_is_another_identity(tmp_path: Path, old: str, new: str) -> None:
    bob = {"sessions/bob.yaml": session_file(a_session(name="bob"))}
    before = load_files(tmp_path / "before", bob).jobs["rent"]
    after = load_files(tmp_path / "after", {**bob, **edited("jobs/rent.yaml", old, new)}).jobs["rent"]
    assert before.identity_digest != after.identity_digest


@pytest.mark.parametrize(
    ("old", "new"), [("10 USDC", "11 USDC"), ("day: 1", "day: 2"), ("grace: 3d", "grace: 4d")]
)
def test_other_edits_change_the_digest_alone(tmp_path: Path, old: str, new: str) -> None:
    before = load_files(tmp_path / "before").jobs["rent"]
    after = load_files(tmp_path / "after", edited("jobs/rent.yaml", old, new)).jobs["rent"]
    assert before.identity_digest == after.identity_digest
    assert before.digest != after.digest


def test_a_token_that_moves_to_another_contract_changes_the_digest(tmp_path: Path) -> None:
    other = Address(bytes(19) + bytes([9]))
    before = load_files(tmp_path / "before").jobs["rent"]
    files = {
        "sessionkeeper.yaml": CONFIG.replace(str(USDC), str(other)),
        "sessions/alice.yaml": session_file(a_session(target=other)),
    }
    after = load_files(tmp_path / "after", files).jobs["rent"]
    assert before.digest != after.digest
