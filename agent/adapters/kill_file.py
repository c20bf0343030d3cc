"""The kill file: orders that hold without the store, beside it, read anew whenever the file changed."""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.domain.errors import StoreUnavailable
from agent.domain.hold import AllScope, Scope
from agent.domain.kill import KillOrder, kill_orders, kill_text

MAX_BYTES = 1 << 20
LOCK_S = 0.2
"""How long a change waits for another one; a process that hangs must not keep anybody from stopping."""
RETRY_S = 0.01
_Seen = tuple[int, int, int, int]


class KillFile:
    """One file of orders, and beside it one of what was acknowledged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._acknowledged = path.with_name(path.name + ".ack")
        self._seen: _Seen | None = None
        self._orders: tuple[KillOrder, ...] = ()

    @property
    def place(self) -> Path:
        """Where the file is."""
        return self._path

    def orders(self) -> tuple[KillOrder, ...]:
        """Return what is stopped now: one `stat` while nothing changed.

        A file that cannot be read stops everything: whoever put it there wanted something stopped.
        """
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if seen != self._seen:
                self._orders, self._seen = kill_orders(self._text(), _version(found)), seen
        except OSError as error:
            self._orders, self._seen = self._unread(error), None
        return self._orders

    def _unread(self, error: OSError) -> tuple[KillOrder, ...]:
        # A link that points nowhere was put there too, unlike a file that somebody has just let go.
        if isinstance(error, (FileNotFoundError, NotADirectoryError)) and not self._path.is_symlink():
            return ()
        why = f"the kill file {self._path} cannot be read: {os.strerror(error.errno or 0)}"
        version = ""
        with suppress(OSError):
            version = _version(self._path.lstat())
        return (KillOrder(AllScope(), f"unreadable-{version}", why),)

    def add(self, orders: Sequence[KillOrder]) -> tuple[KillOrder, ...]:
        """Stop these scopes and return the orders in force for them; raise StoreUnavailable.

        A scope that is stopped already keeps its order, and with it what was acknowledged.
        """
        with self._changing():
            known = {order.scope: order for order in self.orders()}
            kept = {order.scope: _kept(known.get(order.scope), order) for order in orders}
            if kept.items() <= known.items():
                return tuple(kept.values())
            try:
                self._write(self._path, kill_text((known | kept).values()))
            except OSError:
                if AllScope() not in kept or known:
                    raise
                # A full disk mostly takes an empty file, and that stops everything too.
                self._path.touch()
                return self.orders()
            return tuple(kept.values())

    def remove(self, scopes: Iterable[Scope]) -> tuple[KillOrder, ...]:
        """Let these scopes go and return their orders; raise StoreUnavailable."""
        gone = set(scopes)
        with self._changing():
            known = self.orders()
            left = [order for order in known if order.scope not in gone]
            removed = tuple(order for order in known if order.scope in gone)
            if not removed:
                return ()
            if left:
                self._write(self._path, kill_text(left))
            else:
                self._path.unlink(missing_ok=True)
                self._acknowledged.unlink(missing_ok=True)
            return removed

    def acknowledge(self, ids: Iterable[str]) -> None:
        """Say that nothing of these orders is on its way out any more; raise StoreUnavailable."""
        try:
            self._write(self._acknowledged, "".join(f"{one}\n" for one in ids))
        except OSError as error:
            raise _unwritable(self._acknowledged, error) from error

    def acknowledged(self) -> frozenset[str]:
        """Return the orders that a worker has acknowledged."""
        try:
            return frozenset(self._acknowledged.read_text(encoding="utf-8").splitlines())
        except (OSError, ValueError):
            return frozenset()

    def _text(self) -> str:
        # Non-blocking, so that a pipe in its place cannot hang the worker.
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(descriptor, MAX_BYTES).decode(errors="replace")
        finally:
            os.close(descriptor)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let one process change the file at a time, but never wait long for another one."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _lock(descriptor)
                yield
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    @staticmethod
    def _write(path: Path, text: str) -> None:
        """Put the file there whole, and on disk, before anybody may rely on it."""
        new = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode(errors="backslashreplace"))
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError:
            new.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _version(found: os.stat_result) -> str:
    return f"{found.st_ino:x}.{found.st_mtime_ns:x}"


def _kept(known: KillOrder | None, order: KillOrder) -> KillOrder:
    return order if known is None or known.cancels is not order.cancels else known


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + LOCK_S
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(RETRY_S)


def _unwritable(path: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(f"{path} cannot be written: {os.strerror(error.errno or 0)}")
