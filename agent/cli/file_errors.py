"""Errors of files and disks, as an operator needs them: which file, and what is the matter with it."""

import errno
import os

from agent.domain.errors import ConfigError

OF_DISKS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO})
"""These come without a name while a file is written."""


class FileUnusable(ConfigError):
    """The system does not let a file be read or written."""

    code = "file_unusable"
    remedy = "look at what is in its place, at its rights, and at the room on its disk"


def in_words(error: BaseException) -> BaseException:
    """Return what to tell of an error that ended a command: of one of files which, others stay."""
    if not isinstance(error, OSError):
        return error
    if error.filename is None and error.errno not in OF_DISKS:
        return error
    what = os.strerror(error.errno) if error.errno else str(error)
    told = FileUnusable(what if error.filename is None else f"{os.fspath(error.filename)}: {what}")
    told.__cause__ = error
    return told
