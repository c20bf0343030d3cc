"""The public names: each is there, lazily, and says what a caller has to know."""

import ast
import inspect
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest

import agent.smart_sessions
from agent.smart_sessions import public

NAMES = sorted(public.__all__)
FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(public, name))]
CLASSES = [name for name in NAMES if inspect.isclass(getattr(public, name))]
RECORDS = [name for name in CLASSES if is_dataclass(getattr(public, name))]
CONSTANTS = [name for name in NAMES if name not in FUNCTIONS and name not in CLASSES]

SOURCE = re.compile(
    r"[EI][RI][CP]-\d+|SmartSession|Smart Sessions|EntryPoint|\w+Validator|\w+Policy|IdLib|contract|"
    r"keccak256|abi\.encode|`get\w+"
)
"""Names a standard, a contract, or the formula of one."""
UNIT = re.compile(
    r"wei|base unit|smallest unit|second|gas|uses|byte|index|offset|nonce|chain|EIP-155|owners|condition",
    re.IGNORECASE,
)
NUMBERS = {"int", "int | None", "Wei", "Wei | None", "Gas", "Timestamp", "Timestamp | None", "ChainId"}


@pytest.mark.parametrize("name", NAMES)
def test_package_gives_the_public_name(name: str) -> None:
    assert getattr(agent.smart_sessions, name) is getattr(public, name)


def test_star_import_gives_every_public_name() -> None:
    code = (
        "from agent.smart_sessions import *; import agent.smart_sessions.public as listed; "
        "print(set(listed.__all__) <= set(dir()))"
    )
    assert _printed(code) == "True"


def test_modules_load_without_the_public_list() -> None:
    code = (
        "import sys; from agent.smart_sessions import ids; "
        "print('agent.smart_sessions.public' in sys.modules)"
    )
    assert _printed(code) == "False"


def test_function_wins_over_the_module_of_its_name() -> None:
    code = (
        "import agent.smart_sessions.preflight, agent.smart_sessions.lint.rules; "
        "from agent.smart_sessions import lint, preflight; print(callable(lint) and callable(preflight))"
    )
    assert _printed(code) == "True"


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'permision_id'"):
        _ = getattr(agent.smart_sessions, "permision_id")  # noqa: B009 - mypy would find it


@pytest.mark.parametrize("name", FUNCTIONS + CLASSES)
def test_docstring_is_a_sentence_of_its_own(name: str) -> None:
    text = inspect.getdoc(getattr(public, name)) or ""
    assert len(text) > 20
    assert not text.startswith(f"{name}(")
    assert text[0].isupper()


@pytest.mark.parametrize("name", CONSTANTS)
def test_constant_is_described_where_it_stands(name: str) -> None:
    assert _description(name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_names_the_errors_that_the_function_raises(name: str) -> None:
    function = getattr(public, name)
    raised = set(re.findall(r"\braise (\w+)\(", inspect.getsource(function)))
    text = inspect.getdoc(function) or ""
    assert {error for error in raised if error not in text} == set()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_says_which_contract_or_standard_it_follows(name: str) -> None:
    assert SOURCE.search(inspect.getdoc(getattr(public, name)) or "")


@pytest.mark.parametrize("name", RECORDS)
def test_numbers_of_a_record_have_their_unit(name: str) -> None:
    record = getattr(public, name)
    numbers = {field.name for field in fields(record) if str(_annotation(field.type)) in NUMBERS}
    described = inspect.getsource(record)
    unclear = {item for item in numbers if not UNIT.search(item)}
    assert not unclear or UNIT.search(described.replace("int", ""))


def _annotation(kind: Any) -> str:  # noqa: ANN401 - what a dataclass keeps
    return kind.__name__ if hasattr(kind, "__name__") else str(kind)


def _description(name: str) -> str:
    """Return the text below the assignment of a constant, in the module that makes it."""
    for module in _sources():
        body = ast.parse(inspect.getsource(module)).body
        for statement, following in pairwise(body):
            if _assigns(statement, name) and isinstance(following, ast.Expr):
                return ast.unparse(following)
    return ""


def _assigns(statement: ast.stmt, name: str) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _sources() -> list[Any]:
    tree = ast.parse(inspect.getsource(public))
    return [
        import_module(node.module) for node in tree.body if isinstance(node, ast.ImportFrom) and node.module
    ]


def _printed(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()
