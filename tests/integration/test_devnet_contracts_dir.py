"""The folder of `--contracts`: what replaces a stand-in and what is refused."""

import asyncio
import json
from pathlib import Path

import pytest

from agent.devnet.addresses import SESSION_CONTRACTS
from agent.devnet.contracts_dir import runtime_codes
from agent.devnet.devnet import running_devnet
from agent.devnet.errors import ContractsError
from agent.devnet.options import DevnetOptions
from agent.devnet.paths import build_dir
from agent.devnet.setup import set_up
from agent.devnet.stand_ins import stand_in_codes
from agent.devnet.transactions import read

ANSWERS_42 = "602a60005260206000f3"
"""Runtime code that returns 42 whatever it is asked."""


def a_folder(path: Path, **artifacts: object) -> Path:
    for name, artifact in artifacts.items():
        (path / f"{name}.json").write_text(artifact if isinstance(artifact, str) else json.dumps(artifact))
    return path


@pytest.mark.parametrize("form", ["0x" + ANSWERS_42, {"object": "0x" + ANSWERS_42}, {"object": ANSWERS_42}])
def test_runtime_code_is_a_string_or_an_object_with_one(tmp_path: Path, form: object) -> None:
    folder = a_folder(tmp_path, SudoPolicy={"bytecode": "0x00", "deployedBytecode": form})
    assert runtime_codes(folder, SESSION_CONTRACTS) == {"SudoPolicy": bytes.fromhex(ANSWERS_42)}


@pytest.mark.parametrize(
    ("artifacts", "message"),
    [
        ({}, "has no .json file"),
        (
            {"SmartSessions": {"deployedBytecode": "0x00"}},
            "unknown contract SmartSessions.json; known",
        ),
        ({"SmartSession": "not json"}, "SmartSession.json is not JSON"),
        ({"SmartSession": ["0x00"]}, "SmartSession.json has no deployedBytecode"),
        ({"SmartSession": {"bytecode": "0x00"}}, "SmartSession.json has no deployedBytecode"),
        ({"SmartSession": {"deployedBytecode": "0x"}}, "SmartSession.json has no deployedBytecode"),
        ({"SmartSession": {"deployedBytecode": {"object": 7}}}, "SmartSession.json has no deployedBytecode"),
        ({"SmartSession": {"deployedBytecode": "0x60__$ab$__"}}, "is not hex, or has unlinked libraries"),
    ],
)
def test_a_wrong_folder_is_refused_with_the_reason(
    tmp_path: Path, artifacts: dict[str, object], message: str
) -> None:
    folder = a_folder(tmp_path, **artifacts)
    with pytest.raises(ContractsError, match=message):
        runtime_codes(folder, SESSION_CONTRACTS)


def test_a_build_of_all_our_sources_is_a_folder_of_contracts() -> None:
    set_up()
    assert runtime_codes(build_dir() / "contracts", SESSION_CONTRACTS) == stand_in_codes(build_dir())


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractsError, match="missing is not a folder"):
        runtime_codes(tmp_path / "missing", SESSION_CONTRACTS)


async def test_contracts_and_a_fork_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ContractsError, match="leave out --contracts"):
        async with running_devnet(DevnetOptions(contracts_dir=tmp_path, fork_url="http://127.0.0.1:1")):
            pass


async def test_an_artifact_of_the_folder_runs_in_place_of_the_stand_in(tmp_path: Path) -> None:
    await asyncio.to_thread(set_up)
    folder = a_folder(tmp_path, SudoPolicy={"deployedBytecode": "0x" + ANSWERS_42})
    async with running_devnet(DevnetOptions(block_time_s=0, contracts_dir=folder)) as devnet:
        answer = await read(devnet.rpc_url, devnet.contracts["SudoPolicy"], b"")
        other = await read(
            devnet.rpc_url, devnet.contracts["UsageLimitPolicy"], bytes.fromhex("01ffc9a7") + bytes(32)
        )
    assert int.from_bytes(answer, "big") == 42
    assert int.from_bytes(other, "big") == 0
