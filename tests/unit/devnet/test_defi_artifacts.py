"""Creation code is read from every form the packages have, and linked where it has holes."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.devnet.defi.artifacts import creation_code, hardhat_file
from agent.devnet.errors import SetupError
from agent.domain.units import Address

LIBRARY = Address(b"\x11" * 20)
HOLE = "__$" + "ab" * 17 + "$__"
LINKS = {"contracts/Logic.sol": {"Logic": [{"start": 1, "length": 20}, {"start": 22, "length": 20}]}}


def written(folder: Path, document: dict[str, Any]) -> Path:
    (folder / "Some.json").write_text(json.dumps(document))
    return Path("Some.json")


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"bytecode": "0x6001"}, id="Hardhat"),
        pytest.param({"bytecode": "6001"}, id="Waffle"),
        pytest.param({"compilerOutput": {"evm": {"bytecode": {"object": "0x6001"}}}}, id="0x"),
    ],
)
def test_each_form_gives_the_same_code(tmp_path: Path, document: dict[str, Any]) -> None:
    assert creation_code(tmp_path, written(tmp_path, document)) == b"\x60\x01"


def test_a_library_is_linked_wherever_it_is_needed(tmp_path: Path) -> None:
    file = written(tmp_path, {"bytecode": f"0x60{HOLE}61{HOLE}62", "linkReferences": LINKS})
    expected = b"\x60" + LIBRARY + b"\x61" + LIBRARY + b"\x62"
    assert creation_code(tmp_path, file, {"Logic": LIBRARY, "Other": LIBRARY}) == expected


def test_code_without_its_library_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, {"bytecode": f"0x60{HOLE}61{HOLE}62", "linkReferences": LINKS})
    with pytest.raises(SetupError, match="a library of it is missing"):
        creation_code(tmp_path, file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"Pool\.json is not installed"):
        creation_code(tmp_path, hardhat_file("some", "protocol/Pool"))
