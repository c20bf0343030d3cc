"""What every test gets: the --contracts option, a clean environment, repeatable hypothesis runs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no reason to fail: how slow an example may be is not what these tests are about.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--contracts",
        type=Path,
        default=None,
        metavar="DIR",
        help="compiler artifacts DIR/<Name>.json to run in place of the stand-in contracts",
    )


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
