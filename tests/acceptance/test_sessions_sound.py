"""No session is written that the rules refuse or that its jobs could not live with, by the command."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.devnet.accounts import address_of
from agent.devnet.devnet import Devnet
from agent.smart_sessions.session_json import session_to_json
from tests.acceptance.command import ROOT, Answer, inside
from tests.acceptance.test_sessions_cover import dues
from tests.operator import Operator, a_session, an_operator

EVERYBODYS_KEY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
ALLOWED = ("--allow-lint", "L06", "--reason", "members pay for years")
REASON = "members pay for years"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Copy the example without its sessions, with a key that not everybody has and no node."""
    folder = shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.rmtree(folder / "sessions")
    (folder / "jobs" / "newsletter.yaml").unlink()
    file = folder / "sessionkeeper.yaml"
    text = file.read_text().replace(EVERYBODYS_KEY, "0x1111111111111111111111111111111111111111")
    # No node listens there: only the file's own rules speak.
    file.write_text(text.replace("https://base-rpc.example.org", "http://127.0.0.1:1"))
    return folder


def new(config: Path, *words: str) -> Answer:
    return inside("sessions", "new", "--for-job", config / "jobs" / "members.yaml", "--periods", "40", *words)


def test_a_session_that_the_rules_refuse_is_not_written(config: Path) -> None:
    refused = new(config)

    assert (refused.code, refused.out) == (6, "")
    assert refused.err.startswith("session_refused anna: L06 the key stays good for ")
    assert "--allow-lint RULE --reason TEXT" in refused.err
    assert not (config / "sessions").exists()


def test_a_rule_is_allowed_with_a_reason_that_file_and_verdict_show(config: Path) -> None:
    made = new(config, *ALLOWED)

    assert made.code == 0, made.err
    assert f"  L06 allowed ({REASON}): the key stays good for " in made.out
    text = (config / "sessions" / "anna.yaml").read_text()
    assert f'\nallow_lint: [L06]\nallow_lint_reason: "{REASON}"\n' in text
    shown = inside("sessions", "show", "anna", "-c", config, "--json").json
    assert (shown["allow_lint"], shown["allow_lint_reason"]) == (["L06"], REASON)
    linted = inside("sessions", "lint", "anna", "-c", config)
    assert linted.code == 0, linted.out
    assert f"  L06 allowed ({REASON}): " in linted.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (ALLOWED[:2], "--allow-lint and --reason go together"),
        (ALLOWED[2:], "--allow-lint and --reason go together"),
        (("--allow-lint", "L99", *ALLOWED[2:]), "there is no lint rule"),
        *(
            ((*ALLOWED[:3], f"two{end}lines"), "no reason on one line")
            for end in "\n\x85\u2028\u2029\u202e\x1b"
        ),
    ],
)
def test_an_allowance_names_a_rule_and_says_why(config: Path, words: tuple[str, ...], told: str) -> None:
    refused = new(config, *words)

    assert refused.code == 2
    assert told in refused.err
    assert not (config / "sessions").exists()


async def edit(operator: Operator, session: dict[str, Any], *words: str) -> Answer:
    file = operator.folder / "new.json"
    file.write_text(json.dumps(session))
    return await asyncio.to_thread(
        inside, "sessions", "edit", "main", "--from", file, "-c", operator.config, *words
    )


@pytest.mark.devnet
async def test_an_edit_that_the_rules_refuse_is_not_written(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    file = tmp_path / "sessions" / "main.yaml"
    before = file.read_bytes()
    endless = session_to_json(operator.session)
    endless["userOpPolicies"] = endless["userOpPolicies"][:1]

    for words in ((), ("--dry-run",)):
        refused = await edit(operator, endless, *words)
        assert (refused.code, refused.out) == (6, "")
        assert refused.err.startswith("session_refused main: L07 ")
        assert file.read_bytes() == before

    allowed = await edit(operator, endless, "--allow-lint", "L07", "--reason", "a paymaster pays")
    assert allowed.code == 0, allowed.err
    assert '\nallow_lint: [L11, L07]\nallow_lint_reason: "a paymaster pays"\n' in file.read_text()


@pytest.mark.devnet
async def test_an_edit_that_leaves_a_job_without_is_not_written(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [dues(3)])
    file = tmp_path / "sessions" / "main.yaml"
    before = file.read_bytes()
    narrow = session_to_json(a_session(devnet, operator.session_key, uses=9, spending=5_000_000))

    refused = await edit(operator, narrow)

    assert (refused.code, refused.out) == (6, "")
    assert refused.err.startswith("not_covered main lacks ")
    assert "40 USDC asked, 5 USDC granted" in refused.err
    assert "--although-not-covered" in refused.err
    assert file.read_bytes() == before

    meant = await edit(operator, narrow, "--although-not-covered")
    assert meant.code == 0, meant.err
    assert file.read_bytes() != before


@pytest.mark.devnet
async def test_a_successor_that_the_rules_refuse_is_not_written(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [dues(3)])
    key = tmp_path / "keys" / "second.key"
    key.touch(mode=0o600)
    # Only the chain tells whose key it is.
    key.write_text("0x" + operator.account.owner_key.hex())
    line = f'  second: {{address: "{address_of(operator.account.owner_key)}", raw: keys/second.key}}\n'
    operator.config.write_text(operator.config.read_text().replace("keys:\n", f"keys:\n{line}"))
    successor = tmp_path / "sessions" / "main-2.yaml"

    async def rotate(*words: str) -> Answer:
        options: tuple[str | Path, ...] = ("--key", "second", "-c", operator.config, *words)
        return await asyncio.to_thread(inside, "sessions", "rotate", "main", *options)

    refused = await rotate()
    assert (refused.code, refused.out) == (6, "")
    assert refused.err.startswith("session_refused main-2: L29 the session key ")
    assert "rotate: --allow-lint RULE --reason TEXT" in refused.err
    assert not successor.exists()

    allowed = await rotate("--allow-lint", "L29", "--reason", "a trial")
    assert allowed.code == 0, allowed.err
    assert '\nallow_lint: [L11, L29]\nallow_lint_reason: "a trial"\n' in successor.read_text()
