"""Sessions from the job file to the used limit, by the command."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.devnet.accounts import create_nexus_account
from agent.devnet.devnet import Devnet
from agent.domain.units import Address
from tests.acceptance.command import ROOT, Answer, inside, sessionkeeper
from tests.devnet import a_key
from tests.devnet_config import write_config

VECTORS: dict[str, Any] = json.loads((ROOT / "tests" / "vectors" / "smart_sessions.json").read_text())
KEY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PAYEE = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
JOB = """\
id: rent
kind: subscription
chain: 31337
account: "{account}"
session: rent
schedule: {{interval: 30d, anchor: "2030-01-01T00:00:00Z", start: "2030-01-01T00:00:00Z", count: 3}}
spec: {{amount: "{amount}", payee: "{payee}"}}
grace: 3d
retry: [1h]
"""


def test_hash_of_every_published_operation(tmp_path: Path) -> None:
    file = tmp_path / "operation.json"
    for vector in VECTORS["userop_hash"]:
        file.write_text(json.dumps(_form(vector)))
        for version in ("0.6", "0.7", "0.8"):
            answer = inside("op", "hash", file, *_options(version))
            assert (answer.code, answer.out.strip()) == (0, vector[f"hash_v{version.replace('.', '')}"])


def test_hash_of_an_operation_that_is_piped_in() -> None:
    vector = VECTORS["userop_hash"][0]
    piped = sessionkeeper("op", "hash", "-", *_options("0.7"), text=json.dumps(_form(vector)))
    assert (piped.code, piped.out.strip()) == (0, vector["hash_v07"])


def _form(vector: dict[str, Any]) -> dict[str, Any]:
    beside = ("name", "initCode", "paymasterAndData", "accountGasLimits", "gasFees")
    return {
        name: text for name, text in vector.items() if name not in beside and not name.startswith("hash_")
    }


def _options(version: str) -> tuple[str, ...]:
    entry_point = VECTORS["entrypoints"][f"{version}.0"]
    return ("--entry-point-version", version, "--entry-point", entry_point, "--chain-id", "31337")


@pytest.mark.parametrize("vector", VECTORS["sessions"], ids=lambda vector: vector["name"])
def test_id_and_digests_of_every_published_session(vector: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    file.write_text(json.dumps(vector["session"]))
    assert sessionkeeper("sessions", "id", file).out.strip() == vector["permission_id"]
    for mode in ("enable", "unsafe-enable"):
        answer = inside(
            *("sessions", "digest", file, "--account", vector["account"], "--nonce", str(vector["nonce"])),
            *("--chain-id", "31337", "--smart-session", vector["smart_session"], "--mode", mode, "--json"),
        )
        assert answer.json["session_digest"] == vector[f"digest_{mode.replace('-', '_')}"]


@pytest.mark.parametrize(
    "command",
    [
        ("sessions", "id"),
        ("op", "hash", "--entry-point", VECTORS["entrypoints"]["0.7.0"], "--chain-id", "1"),
    ],
)
def test_malformed_file_leaves_with_three_and_its_reason(command: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text('{"sender": "0x1"}')
    answer = inside(*command, file)
    assert (answer.code, answer.out) == (3, "")
    assert answer.err.startswith(f"malformed_document {file}: ")


def test_example_template_gets_a_session_for_each_payer(tmp_path: Path) -> None:
    config = shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.rmtree(config / "sessions")
    # Everybody has the example's key, and a session for it is refused.
    file = config / "sessionkeeper.yaml"
    file.write_text(file.read_text().replace(KEY, "0x1111111111111111111111111111111111111111"))
    made = inside(
        "sessions", "new", "--for-job", config / "jobs" / "members.yaml", "--periods", "6", "--json"
    )
    assert made.code == 0
    sessions = {session["name"]: session for session in made.json["sessions"]}
    (flow,) = sessions["bob"]["worst_case"]["outflows"]
    assert set(sessions) == {"anna", "bob"}
    assert (flow["amount"], flow["at_a_time"], flow["to"]) == (8 * 12_500_000, 12_500_000, PAYEE)
    assert sessions["bob"]["worst_case"]["is_bounded"]
    assert len({session["permission_id"] for session in sessions.values()}) == 2


def test_session_file_is_never_written_over(tmp_path: Path) -> None:
    config = shutil.copytree(ROOT / "config", tmp_path / "config")
    before = (config / "sessions" / "newsletter.yaml").read_text()
    refused = inside("sessions", "new", "--for-job", config / "jobs" / "newsletter.yaml")
    assert refused.code == 3
    assert refused.err.startswith("session_exists ")
    assert (config / "sessions" / "newsletter.yaml").read_text() == before


def test_unknown_session_leaves_with_five() -> None:
    for command in ("show", "grant", "usage"):
        assert inside("sessions", command, "nobody", "-c", ROOT / "config").code == 5


def test_owner_key_is_refused_off_the_local_chain(tmp_path: Path) -> None:
    refused = sessionkeeper(
        "sessions", "grant", "newsletter", "-c", ROOT / "config", "--owner-key", tmp_path / "owner.key"
    )
    assert refused.code == 6
    assert refused.err.startswith("owner_key_refused ")


@pytest.mark.devnet
@pytest.mark.parametrize("amount", ["12 USDC", "0.05 ether"])
async def test_session_is_made_granted_and_counted(devnet: Devnet, tmp_path: Path, amount: str) -> None:
    owner_key = a_key()
    account = await create_nexus_account(devnet, owner_key)
    run = _folder(devnet, tmp_path, account.address, amount)

    made = await run("new", "--for-job", str(tmp_path / "jobs" / "rent.yaml"))
    assert made.code == 0, made.err
    assert (await run("usage", "rent")).code == 10

    planned = await run("grant", "rent", "--json")
    assert planned.code == 0, planned.err
    assert not planned.json["enabled"]
    assert planned.json["install"]["to"] == str(account.address)

    key_file = tmp_path / "owner.key"
    key_file.write_text("0x" + owner_key.hex())
    grant = ("sessions", "grant", "rent", "--owner-key", key_file, "--json")
    granted = await asyncio.to_thread(sessionkeeper, *grant, folder=tmp_path)
    assert granted.code == 0, granted.err
    assert granted.json["enabled"]
    assert owner_key.hex() not in granted.out + granted.err

    linted = await run("lint", "rent", "--json")
    assert linted.code == 0, linted.out
    assert linted.json["fit"]

    usage = await run("usage", "rent", "--json")
    assert usage.code == 0, usage.err
    limits = usage.json["limits"]
    assert next(line["limit"] for line in limits if line["policy"] == "UsageLimit") == 5
    assert all(line["used"] == line["reserved"] == 0 for line in limits)
    assert all(line["remaining"] == line["limit"] for line in limits)
    paid = "ERC20SpendingLimit" if amount == "12 USDC" else "ValueLimit"
    whole = 5 * 12_000_000 if amount == "12 USDC" else 5 * 5 * 10**16
    assert [line["limit"] for line in limits if line["policy"] == paid] == [whole]

    again = await run("grant", "rent", "--owner-key", str(key_file))
    assert again.code == 0
    assert "is enabled on" in again.err


def _folder(devnet: Devnet, folder: Path, account: Address, amount: str) -> Callable[..., Any]:
    write_config(devnet, folder, a_key())
    (folder / "jobs" / "rent.yaml").write_text(JOB.format(account=account, amount=amount, payee=PAYEE))

    async def run(*arguments: str) -> Answer:
        return await asyncio.to_thread(inside, "sessions", *arguments, folder=folder)

    return run
