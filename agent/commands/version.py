"""What runs here."""

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

DISTRIBUTION = "sessionkeeper"


@dataclass(frozen=True, slots=True)
class Version:
    """The agent and what it runs on."""

    version: str
    python: str
    platform: str


def version() -> Version:
    """Return the version of this installation; `0+source` where the agent runs from its sources."""
    try:
        number = installed(DISTRIBUTION)
    except PackageNotFoundError:
        number = "0+source"
    return Version(number, platform.python_version(), f"{platform.system().lower()}-{platform.machine()}")
