"""Ports that stay free until somebody who was promised one listens on it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """Keep a TCP port from everybody who asks the kernel for one; who names it may still listen on it.

    A port that was only found free may be somebody else's by the time a server has started.
    """
    with socket.socket() as keeper:
        # As servers do it: two that say so may have a port, as long as only one of them listens.
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield int(keeper.getsockname()[1])
