"""Name look-up that hands out no address which endpoints may not have."""

import socket

from aiohttp import ThreadedResolver
from aiohttp.abc import ResolveResult

from agent.domain.endpoint_host import why_forbidden


class GuardedResolver(ThreadedResolver):
    """Refuses at the moment of the connection: a name may point elsewhere than when it was written down."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host; raises OSError when it has none that may be asked."""
        found = await super().resolve(host, port, family)
        allowed = [result for result in found if not why_forbidden(result["host"])]
        if not allowed:
            raise OSError("its name points to an address that is not asked")
        return allowed
