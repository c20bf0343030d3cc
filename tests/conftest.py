"""What every test gets: the --contracts option, a clean environment, repeatable hypothesis runs."""

import logging
import os
import signal
from collections.abc import Iterator
from copy import copy
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.remote import Producer  # type: ignore[import-untyped]  # has no types
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # has no types

from agent.telemetry.secrets import REDACTOR

TOGETHER = frozenset({
    "tests/acceptance/test_proxy.py",
    "tests/model/test_model.py",
    "tests/vectors/test_node_stack.py",
})  # fmt: skip
"""Files whose tests share what takes long to make: one process makes it, and runs them all."""

# A busy machine is no reason to fail: how slow an example may be is not what these tests are about.
settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Of what a shell starts in the background Ctrl-C is ignored, and so it would be in every child.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--contracts",
        type=Path,
        default=None,
        metavar="DIR",
        help="compiler artifacts DIR/<Name>.json to run in place of the stand-in contracts",
    )


class FilesTogether(LoadScopeScheduling):  # type: ignore[misc]  # has no types
    """Gives each test to the process that is free, and all tests of a file of TOGETHER to one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in TOGETHER else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesTogether:
    """Share the tests out; the marks of pytest-xdist 3.8 have no effect with pytest 9."""
    return FilesTogether(config, log)


@pytest.fixture(scope="session")
def contracts_dir(request: pytest.FixtureRequest) -> Path | None:
    """Folder of the contracts to test with; None means the project's own stand-ins."""
    folder: Path | None = request.config.getoption("--contracts")
    return folder.resolve() if folder else None


@pytest.fixture(autouse=True)
def clean_environment() -> Iterator[None]:
    """Hide the operator's own SESSIONKEEPER_ variables, so that a test sees only what it sets."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SESSIONKEEPER_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Undo what a test configures of the log: the next one may listen to it."""
    configured, before = structlog.is_configured(), structlog.get_config()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    # Left on, it would not be turned on again, and whoever waits for a warning in the log would see none.
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    if configured:
        structlog.configure(**before)
    else:
        structlog.reset_defaults()


@pytest.fixture(autouse=True)
def own_secrets() -> Iterator[None]:
    """Forget the secrets of a test: a key of zeros would be masked in what the next ones print."""
    before = {name: copy(value) for name, value in vars(REDACTOR).items()}
    yield
    vars(REDACTOR).update(before)
