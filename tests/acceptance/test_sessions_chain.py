"""What the chain has of sessions, by the command."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.devnet.accounts import send_as_owner
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.units import Hash32, Wei
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.encoding import permit_paymaster_call, remove_session_call
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.session_json import session_to_json
from tests.acceptance.command import Answer, inside
from tests.operator import Operator, an_operator


@pytest.fixture
async def operator(devnet: Devnet, tmp_path: Path) -> Operator:
    return await an_operator(devnet, tmp_path, [])


async def command(operator: Operator, *arguments: str) -> Answer:
    return await asyncio.to_thread(inside, *arguments, "-c", str(operator.config))


async def as_owner(operator: Operator, data: bytes) -> None:
    await send_as_owner(operator.devnet, operator.account, [Call(SMART_SESSION, Wei(0), data)])


async def listed(operator: Operator, *arguments: str) -> dict[str, Any]:
    answer = await command(operator, "sessions", "list", "--from-chain", "--json", *arguments)
    assert answer.code == 0, answer.err
    (account,) = answer.json["accounts"]
    assert account["account"] == str(operator.account.address)
    return dict(account)


async def test_status_says_of_every_session_how_it_stands(operator: Operator) -> None:
    answer = await command(operator, "sessions", "status", "--all-chains", "--json")
    (status,) = answer.json["sessions"]
    assert (answer.code, status["status"], status["enabled"], status["differences"]) == (0, "ok", True, [])
    assert (status["enable_nonce"], status["held"]) == (0, [])
    assert status["days_left"] > 300
    assert (status["tightest"]["remaining"], status["tightest"]["limit"]) == (20, 20)


async def test_status_leaves_with_ten_when_a_session_differs_or_is_gone(operator: Operator) -> None:
    identifier = permission_id(operator.session)
    await as_owner(operator, permit_paymaster_call(identifier, permit=True))
    answer = await command(operator, "sessions", "status", "main", "--json")
    (status,) = answer.json["sessions"]
    assert (answer.code, status["status"]) == (10, "differs")
    assert [(item["code"], item["widens"]) for item in status["differences"]] == [
        ("paymaster_flag_changed", True)
    ]
    doctor = await command(operator, "doctor", "--json")
    failed = [item["name"] for item in doctor.json["findings"] if item["level"] == "fail"]
    assert failed == ["session main as granted"]

    await as_owner(operator, remove_session_call(identifier))
    text = await command(operator, "sessions", "status", "--all-chains")
    assert text.code == 10
    assert "not enabled" in text.out


async def test_status_of_a_session_revoked_in_its_file_alone_says_so(operator: Operator) -> None:
    file = operator.folder / "sessions" / "main.yaml"
    file.write_text(file.read_text() + "revoked_at: 1790000000\n")
    answer = await command(operator, "sessions", "status", "main")
    assert (answer.code, "differs" in answer.out) == (10, True)
    assert "the account still has it enabled" in answer.err


async def test_doctor_names_an_account_of_another_kind_than_its_file_says(operator: Operator) -> None:
    file = operator.folder / "sessions" / "main.yaml"
    file.write_text(file.read_text().replace("kind: nexus", "kind: kernel"))
    doctor = await command(operator, "doctor", "--json")
    failed = {item["name"]: item["message"] for item in doctor.json["findings"] if item["level"] == "fail"}
    assert list(failed) == ["session main account kind"]
    assert failed["session main account kind"].endswith("is of kind nexus, the file says kernel")


async def test_usage_of_all_shows_what_can_be_read_and_names_the_rest(operator: Operator) -> None:
    folder = operator.folder / "sessions"
    session = replace(operator.session, salt=Hash32(b"\x07" * 32))
    text = (folder / "main.yaml").read_text().replace("name: main", "name: other")
    text = text.replace(str(operator.session.salt), str(session.salt))
    text = text.replace(str(permission_id(operator.session)), str(permission_id(session)))
    (folder / "other.yaml").write_text(text)

    answer = await command(operator, "sessions", "usage", "--json")
    main, other = answer.json["sessions"]
    assert (answer.code, main["problem"], len(main["limits"]) > 0) == (10, None, True)
    assert (other["name"], other["limits"], other["problem"].split()[0]) == (
        "other", [], "session_not_enabled",
    )  # fmt: skip
    assert "other: session_not_enabled" in (await command(operator, "sessions", "usage")).err

    # What was taken back has no counters, and nobody has to do anything about it.
    (folder / "other.yaml").write_text(text + "revoked_at: 1790000000\n")
    assert (await command(operator, "sessions", "usage")).code == 0


async def test_status_of_a_chain_out_of_reach_leaves_with_seven(operator: Operator) -> None:
    text = operator.config.read_text().replace(operator.devnet.rpc_url, "http://127.0.0.1:9/")
    operator.config.write_text(text)
    answer = await command(operator, "sessions", "status", "--all-chains", "--json")
    assert (answer.code, answer.json["sessions"][0]["status"]) == (7, "unreachable")


async def test_a_session_found_on_chain_is_written_as_a_file_and_read_again(operator: Operator) -> None:
    file = operator.folder / "sessions" / "main.yaml"
    (known,) = (await listed(operator))["sessions"]
    assert (known["name"], known["from"], known["session"]) == (
        "main",
        "file",
        session_to_json(operator.session),
    )

    file.unlink()
    account = ("--account", str(operator.account.address), "--chain", "31337")
    (found,) = (await listed(operator, *account))["sessions"]
    assert (found["from"], found["complete"], found["unknown"]) == ("calldata", True, [])
    assert found["session"] == session_to_json(operator.session)

    (operator.folder / "sessions" / "again.yaml").write_text(json.dumps(found["file"]))
    assert (await command(operator, "sessions", "status", "--all-chains")).code == 0


async def test_what_the_chain_does_not_spell_out_is_printed_as_unknown(operator: Operator) -> None:
    (operator.folder / "sessions" / "main.yaml").unlink()
    account = ("--account", str(operator.account.address), "--chain", "31337", "--from-block", str(2**40))
    (found,) = (await listed(operator, *account))["sessions"]
    assert (found["from"], found["complete"], found["session"], found["file"]) == ("state", False, None, None)
    (line,) = found["unknown"]
    assert line.startswith("salt: ")
    (action,) = found["found"]["actions"]
    assert action["actionTarget"] == str(operator.devnet.usdc)
    text = await command(operator, "sessions", "list", "--from-chain", *account)
    assert "unknown: salt" in text.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("status", "main", "--all-chains"),
        ("list", "--from-chain", "--chain", "31337"),
        ("grant", "main", "--typed-data", "--init-data"),
        ("grant", "main", "--typed-data", "--owner-key", "owner.key"),
        ("grant", "--all", "--init-data"),
        ("grant", "main", "--out", "calls.json"),
    ],
)
async def test_half_a_question_is_a_wrong_command_line(
    operator: Operator, arguments: tuple[str, ...]
) -> None:
    assert (await command(operator, "sessions", *arguments)).code == 2
