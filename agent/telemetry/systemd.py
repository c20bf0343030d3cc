"""Telling systemd how the service is (sd_notify)."""

import socket
from collections.abc import Mapping
from typing import Self


class ServiceNotifier:
    """Sends READY, WATCHDOG and STOPPING; does nothing where systemd did not ask."""

    def __init__(self, address: str | None = None, watchdog_usec: str | None = None) -> None:
        self._address = address
        self.watchdog_s = (
            int(watchdog_usec) / 2_000_000 if watchdog_usec and watchdog_usec.isdigit() else None
        )
        """How often systemd wants a sign of life, halved as its manual advises; None when it wants none."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read NOTIFY_SOCKET and WATCHDOG_USEC."""
        return cls(environment.get("NOTIFY_SOCKET"), environment.get("WATCHDOG_USEC"))

    def ready(self, status: str = "") -> None:
        """Say that start-up is over."""
        self._send(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """Say that the worker's last tick succeeded."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the worker drains."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # An abstract socket's name starts with a zero byte, which systemd writes as @.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            try:
                channel.sendto(message.encode(), address)
            except OSError:
                return  # the service manager went away; the work goes on
