"""Where the local chain keeps what it installed and what it writes."""

import os
import sys
from pathlib import Path

SOURCE = Path(__file__).parent


def build_dir() -> Path:
    """Return the cache folder: $SESSIONKEEPER_BUILD_DIR, the clone's build/, or the platform's cache."""
    chosen = os.environ.get("SESSIONKEEPER_BUILD_DIR")
    if chosen:
        return Path(chosen).expanduser().resolve()
    clone = SOURCE.parents[1]
    return clone / "build" if (clone / "pyproject.toml").is_file() else _platform_cache() / "sessionkeeper"


def devnet_dir(build: Path | None = None) -> Path:
    """Return the folder of everything the local chain installs or writes."""
    return (build or build_dir()) / "devnet"


def _platform_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
