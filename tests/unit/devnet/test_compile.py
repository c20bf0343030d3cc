"""Compiling the stand-ins: once, cleanly, or with solc's own words."""

from pathlib import Path

import pytest

from agent.devnet.compile import compile_contracts
from agent.devnet.errors import SetupError
from agent.devnet.paths import devnet_dir
from agent.devnet.setup import set_up

LICENCE = "// SPDX-License-Identifier: Apache-2.0\npragma solidity ^0.8.28;\n"
ANSWER = LICENCE + "contract Answer { function ask() external pure returns (uint256) { return 42; } }\n"
NOWHERE = Path("nowhere")


@pytest.fixture(scope="module")
def solc() -> Path:
    set_up()
    return devnet_dir() / "npm" / "node_modules" / "solc"


def sources(folder: Path, **files: str) -> Path:
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name.replace('__', '/')}.sol").write_text(text)
    return folder


def test_each_contract_named_like_its_file_is_an_artifact(tmp_path: Path, solc: Path) -> None:
    library = LICENCE + "library Help { function one() internal pure returns (uint256) { return 1; } }\n"
    compiled = compile_contracts(
        sources(tmp_path / "src", Answer=ANSWER, lib__Help=library), solc, tmp_path / "out"
    )
    assert list(compiled) == ["Answer"]
    assert compiled["Answer"].abi[0]["name"] == "ask"
    assert compiled["Answer"].bytecode.endswith(compiled["Answer"].runtime)
    assert (tmp_path / "out" / "Answer.json").is_file()


def test_sources_that_did_not_change_need_no_compiler(tmp_path: Path, solc: Path) -> None:
    folder, said = sources(tmp_path / "src", Answer=ANSWER), list[str]()
    first = compile_contracts(folder, solc, tmp_path / "out", said.append)
    again = compile_contracts(folder, NOWHERE, tmp_path / "out", said.append)
    assert first == again
    assert said == ["compiling 1 Solidity files"]


def test_a_contract_that_is_gone_leaves_no_artifact(tmp_path: Path, solc: Path) -> None:
    folder = sources(tmp_path / "src", Answer=ANSWER, Other=ANSWER.replace("Answer", "Other"))
    compile_contracts(folder, solc, tmp_path / "out")
    (folder / "Other.sol").unlink()
    assert list(compile_contracts(folder, solc, tmp_path / "out")) == ["Answer"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ANSWER.replace("42", "true"), r"(?s)not implicitly convertible.*Answer\.sol:3:"),
        (ANSWER.replace("ask()", "ask(uint256 why)"), "Unused function parameter"),
    ],
    ids=["error", "warning"],
)
def test_solcs_complaint_is_shown(tmp_path: Path, solc: Path, text: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        compile_contracts(sources(tmp_path / "src", Answer=text), solc, tmp_path / "out")


def test_a_compiler_that_does_not_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="solc did not run"):
        compile_contracts(sources(tmp_path / "src", Answer=ANSWER), NOWHERE, tmp_path / "out")


def test_a_folder_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="has no Solidity source"):
        compile_contracts(tmp_path, NOWHERE, tmp_path / "out")
