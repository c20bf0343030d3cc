"""Running the application inside the worker's event loop."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import uvicorn
from starlette.applications import Starlette

from agent.domain.errors import SettingsError

DRAIN_S = 2


class AddressRefused(SettingsError):
    """The HTTP side cannot listen where it was told to."""

    code = "web_address"

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def listen(host: str, port: int, *, allow_remote: bool = False) -> socket.socket:
    """Open the listening socket; raises AddressRefused. Port 0 takes a free one."""
    if not (allow_remote or _is_loopback(host)):
        raise AddressRefused(
            f"{host} can be reached from other machines, and the pages are not protected",
            "listen on 127.0.0.1, or allow remote readers in the settings and put a proxy in front",
        )
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # From here on requests wait in the queue, even before anybody answers.
        listener.listen()
    except OSError as error:
        listener.close()
        raise AddressRefused(
            f"cannot listen on {host}:{port}: {error.strerror}", "free the port, or set another one"
        ) from error
    return listener


async def serve(app: Starlette, listener: socket.socket) -> None:
    """Answer requests until cancelled; then let running requests end."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await serving
        listener.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the worker, which drains first."""
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
