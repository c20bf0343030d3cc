"""Each rule about what left the process, was asked, waited or was written finds what it is there to find."""

import base64
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from tests.acceptance.oracle import Sent, examine_calls, examine_outputs, examine_sends, examine_ticks
from tests.acceptance.oracle.chain import ENTRY_POINT
from tests.acceptance.oracle.files import SPENDING_LIMIT, USAGE_LIMIT
from tests.acceptance.oracle.meters import Budget, Waited

ACCOUNT, PAYEE, TOKEN = (f"0x{digit * 40}" for digit in "abc")
PERMISSION = "0x" + "5e" * 32
SECRET = "0x" + "c0ffee42" * 8
CONFIG = f"""\
chains:
  - id: 31337
    tokens:
      USDC: {{address: "{TOKEN}", decimals: 6}}
    fees: {{max_fee_per_gas: "100 gwei", max_cost: "0.1 ether"}}
"""
JOB = f"""\
id: rent
account: "{ACCOUNT}"
schedule: {{calendar: daily, at: "00:00", start: 2026-01-01}}
spec: {{amount: "10 USDC", payee: "{PAYEE}"}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose session grants two uses and 20 USDC."""
    session = {
        "permission_id": PERMISSION,
        "session": {
            "userOpPolicies": [{"policy": USAGE_LIMIT, "initData": f"0x{2:032x}"}],
            "actions": [
                {
                    "actionPolicies": [
                        {
                            "policy": SPENDING_LIMIT,
                            "initData": "0x"
                            + encode(["address[]", "uint256[]"], [[TOKEN], [20_000_000]]).hex(),
                        }
                    ]
                }
            ],
        },
    }
    for name, text in (
        ("sessionkeeper.yaml", CONFIG),
        ("jobs/rent.yaml", JOB),
        ("sessions/rent.yaml", json.dumps(session)),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def an_operation(
    *, sequence: int = 0, amount: int = 10_000_000, payee: str = PAYEE, gwei: int = 2
) -> dict[str, Any]:
    """Make an operation that pays, in the form in which bundlers take it."""
    transfer = bytes.fromhex("a9059cbb") + encode(["address", "uint256"], [payee, amount])
    execution = bytes.fromhex(TOKEN[2:]) + bytes(32) + transfer
    call_data = bytes.fromhex("e9ae5c53") + encode(["bytes32", "bytes"], [bytes(32), execution])
    return {
        "sender": ACCOUNT,
        "nonce": hex(sequence),
        "callData": "0x" + call_data.hex(),
        "callGasLimit": hex(60_000),
        "verificationGasLimit": hex(300_000),
        "preVerificationGas": hex(50_000),
        "maxFeePerGas": hex(gwei * 10**9),
        "maxPriorityFeePerGas": hex(10**9),
        "signature": "0x00" + PERMISSION[2:] + "11" * 65,
    }


def sent(folder: Path, *operations: dict[str, Any]) -> list[Sent]:
    """Journal operations and send them, one a second."""
    (folder / "state").mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / "state" / "journal.db")) as journal, journal:
        journal.execute("CREATE TABLE IF NOT EXISTS occurrences (id)")
        journal.execute("CREATE TABLE IF NOT EXISTS operations (position INTEGER PRIMARY KEY, record)")
        for number, operation in enumerate(operations):
            record = {
                "user_op_hash": hex(number),
                "occurrence": 1,
                "nonce": {"key": "0x0", "sequence": operation["nonce"].removeprefix("0x")},
                "operation": operation,
                "attempt": 1,
                "planned_at_block": 1,
            }
            journal.execute("INSERT INTO operations (record) VALUES (?)", (json.dumps(record),))
    return [
        Sent(float(at), operation, ENTRY_POINT, journaled=True) for at, operation in enumerate(operations)
    ]


def rules(folder: Path, *items: Sent, **options: Any) -> list[str]:  # noqa: ANN401 - passed on as they came
    return [finding.rule for finding in examine_sends(folder, items, **options)]


def test_two_payments_within_everything_are_right(folder: Path) -> None:
    assert rules(folder, *sent(folder, an_operation(), an_operation(sequence=1))) == []


@pytest.mark.parametrize("gwei", [101, 99_000])
def test_a_fee_above_the_caps_is_found(folder: Path, gwei: int) -> None:
    assert rules(folder, *sent(folder, an_operation(gwei=gwei))) == ["I3"]


def test_gas_that_costs_more_than_the_cap_is_found(folder: Path) -> None:
    assert rules(folder, *sent(folder, an_operation() | {"callGasLimit": hex(10**9)})) == ["I3"]


def test_more_than_the_session_grants_is_found(folder: Path) -> None:
    operations = [an_operation(sequence=number) for number in range(3)]
    assert rules(folder, *sent(folder, *operations)) == ["I3", "I3"]


def test_raised_operations_of_a_nonce_count_once(folder: Path) -> None:
    raised = [an_operation(gwei=number + 1) for number in range(4)]
    assert rules(folder, *sent(folder, *raised)) == []


def test_bytes_that_are_not_in_the_journal_are_found(folder: Path) -> None:
    (item,) = sent(folder, an_operation())
    assert rules(folder, replace(item, operation=an_operation(gwei=3))) == ["I4"]


def test_bytes_that_were_journaled_after_they_left_are_found(folder: Path) -> None:
    (item,) = sent(folder, an_operation())
    assert rules(folder, replace(item, journaled=False)) == ["I4"]


@pytest.mark.parametrize(
    "other",
    [
        an_operation(payee=ACCOUNT),
        an_operation(amount=10_000_001),
        an_operation() | {"sender": PAYEE},
        an_operation() | {"callData": "0x12345678"},
    ],
)
def test_what_no_job_pays_is_found(folder: Path, other: dict[str, Any]) -> None:
    assert rules(folder, *sent(folder, other)) == ["I7"]


def test_another_entry_point_is_found(folder: Path) -> None:
    (item,) = sent(folder, an_operation())
    assert rules(folder, replace(item, entry_point=PAYEE)) == ["I7"]


def test_a_loop_of_sends_is_found(folder: Path) -> None:
    (item,) = sent(folder, an_operation())
    assert rules(folder, *[item] * 6, most_sends=5) == ["I9"]


def test_a_send_in_a_silence_is_found(folder: Path) -> None:
    items = sent(folder, an_operation(), an_operation(sequence=1))
    assert rules(folder, *items, silences=[(0.5, 2.0)]) == ["I11"]


def test_a_worker_that_asks_all_the_time_is_found() -> None:
    budget = Budget(per_look=2, per_run=10, per_start=5)
    assert examine_calls({"eth_call": 35}, looks=10, runs=1, budget=budget) == []
    (finding,) = examine_calls({"eth_call": 36}, looks=10, runs=1, budget=budget)
    assert finding.rule == "I9"


def test_a_job_that_waits_for_another_is_found() -> None:
    waited = [
        Waited("poison", "1", None),
        Waited("rent", "1", 2),
        Waited("gym", "1", 3),
        Waited("tea", "1", None),
    ]
    assert [(item.rule, item.job) for item in examine_ticks(waited, "poison")] == [
        ("I10", "gym"),
        ("I10", "tea"),
    ]


@pytest.mark.parametrize(
    "said",
    [
        SECRET.encode(),
        SECRET.removeprefix("0x").upper().encode(),
        bytes.fromhex(SECRET.removeprefix("0x")),
        repr(bytes.fromhex(SECRET.removeprefix("0x"))).encode(),
        base64.b64encode(b"key=" + bytes.fromhex(SECRET.removeprefix("0x"))),
    ],
    ids=["hex", "upper case", "bytes", "repr", "base64"],
)
def test_a_secret_in_any_file_is_found(tmp_path: Path, said: bytes) -> None:
    for name, content in (("keys", SECRET.encode()), ("000.log", b"before " + said + b" after")):
        (tmp_path / name).write_bytes(content)

    found = examine_outputs(tmp_path, {"session key": SECRET}, {"session key": "keys"})

    assert [(item.rule, item.slot) for item in found] == [("I6", "000.log")]


def test_a_secret_of_a_url_is_found_and_clean_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "000.log").write_text("http://127.0.0.1/v2/s3cret-t0ken/x")
    (tmp_path / "001.log").write_text("http://127.0.0.1/")

    found = examine_outputs(tmp_path, {"token": "s3cret-t0ken"}, {})

    assert [item.slot for item in found] == ["000.log"]
