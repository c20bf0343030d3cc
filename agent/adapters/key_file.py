"""Reading and writing files that hold secrets: private, regular, owned by us."""

import os
import stat
from pathlib import Path

from agent.domain.errors import ConfigError

MAX_BYTES = 65_536


class KeyFileError(ConfigError):
    """A file with a secret is missing, malformed or open to others."""

    code = "key_file"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def read_private(path: Path) -> bytes:
    """Read a file only its owner may read; raises KeyFileError."""
    try:
        # Opened once and checked by descriptor, so that nobody can swap it in between.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error
    try:
        _check_private(path, os.fstat(descriptor))
    except KeyFileError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        return _bounded(path, file.read(MAX_BYTES + 1))


def read_descriptor(descriptor: int) -> bytes:
    """Read a secret from an open descriptor to its end; raises KeyFileError."""
    try:
        with os.fdopen(descriptor, "rb") as file:
            return _bounded(Path(f"descriptor {descriptor}"), file.read(MAX_BYTES + 1))
    except OSError as error:
        raise KeyFileError(f"descriptor {descriptor} cannot be read: {error.strerror}") from error


def write_private(path: Path, content: bytes) -> None:
    """Create a file with mode 0600, whole or not at all; raises KeyFileError when it exists."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # A link, unlike a rename, refuses to replace a key that is there.
            os.link(draft, path)
        finally:
            draft.unlink()
    except FileExistsError as error:
        raise KeyFileError(
            f"{path} exists already", "choose another name; keys are never replaced"
        ) from error
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error


def _check_private(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(f"{path} is not a regular file")
    if mode & 0o077:
        raise KeyFileError(f"{path} has mode {mode:04o}: others may read it", f"chmod 600 {path}")


def _bounded(path: Path, content: bytes) -> bytes:
    if len(content) > MAX_BYTES:
        raise KeyFileError(f"{path} is larger than {MAX_BYTES} bytes")
    return content
