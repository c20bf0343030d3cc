import importlib
import pkgutil

import agent
from agent.cli.exit_codes import ExitCode, exit_code
from agent.domain.errors import (
    AgentError,
    BudgetExceeded,
    BundlerRejected,
    BundlerUnavailable,
    ChainUnavailable,
    ConfigError,
    EntryPointRejected,
    FeeAboveCap,
    IllegalTransition,
    NotFound,
    SettingsError,
    StaleRecord,
    StoreInUse,
    StoreUnavailable,
)


def test_exit_codes_never_change() -> None:
    assert {code.name.lower(): int(code) for code in ExitCode} == {
        "ok": 0,
        "internal": 1,
        "usage": 2,
        "config": 3,
        "changes": 4,
        "not_found": 5,
        "refused": 6,
        "chain": 7,
        "rejected": 8,
        "reverted": 9,
        "session": 10,
        "limit": 11,
        "warnings": 12,
        "retry_later": 75,
        "interrupted": 130,
        "terminated": 143,
    }


def test_each_kind_of_error_has_its_exit_code() -> None:
    codes: list[tuple[BaseException, int]] = [
        (ValueError("x"), 1),
        (AgentError("x"), 1),
        (IllegalTransition("due", "sign"), 1),
        (ConfigError("x"), 3),
        (SettingsError("x"), 3),
        (StoreInUse("x"), 75),
        (NotFound("x"), 5),
        (FeeAboveCap("max fee", 2, 1), 6),
        (BudgetExceeded("limit", 2, 1), 11),
        (ChainUnavailable("x"), 7),
        (EntryPointRejected("AA23"), 8),
        (BundlerRejected(-32500, "x"), 8),
        (BundlerUnavailable("x"), 75),
        (StoreUnavailable("x"), 75),
        (StaleRecord("x"), 75),
    ]

    assert [exit_code(error) for error, _ in codes] == [code for _, code in codes]


def test_narrower_error_has_the_exit_code_of_its_kind() -> None:
    class Narrower(ConfigError):
        code = "narrower"

    assert exit_code(Narrower("x")) == ExitCode.CONFIG


def test_code_of_an_error_decides_before_its_class() -> None:
    class Expired(AgentError):
        code = "session_expired"

    assert exit_code(Expired("x")) == ExitCode.SESSION


def test_every_error_class_of_the_agent_has_a_code_of_its_own() -> None:
    for module in pkgutil.walk_packages(agent.__path__, "agent."):
        if module.name.split(".")[1] in ("domain", "adapters", "pipeline", "definitions", "commands"):
            importlib.import_module(module.name)

    def all_below(kind: type[AgentError]) -> list[type[AgentError]]:
        return [kind, *(found for below in kind.__subclasses__() for found in all_below(below))]

    ours = {
        f"{kind.__module__}.{kind.__qualname__}": kind.__dict__["code"]
        for kind in all_below(AgentError)
        if kind.__module__.startswith("agent.") and "code" in kind.__dict__
    }
    assert len(ours) > 30
    assert sorted(ours.values()) == sorted(set(ours.values()))
