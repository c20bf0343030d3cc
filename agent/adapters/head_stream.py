"""New heads by websocket. What it says is a bell and no more: whoever hears it asks the nodes."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp
import orjson
import structlog

from agent.adapters.guarded_resolver import GuardedResolver
from agent.adapters.json_rpc import Json
from agent.domain.endpoint_host import why_forbidden
from agent.domain.errors import ChainUnavailable
from agent.domain.units import ChainId
from agent.telemetry.secrets import mask_url

log = structlog.get_logger()
MOST_MESSAGE_BYTES = 256 * 1024
"""A header is a kilobyte or two."""
CONNECT_S = 10.0
FAREWELL_S = 1.0
HEARTBEAT_S = 20.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
PACE_S = 0.02
"""Between two heads: whoever shows more of them is heard later, and the connection backs up."""
CHECK_S = 15.0
"""For the whole of a check, the connection with it."""
ASK_CHAIN = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
_QUANTITY = re.compile("0x[0-9a-f]{1,16}", re.IGNORECASE)
SUBSCRIBE = '{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'


class StreamBroken(Exception):
    """The connection is of no more use; says why, without the URL."""


class WebSocketHeads:
    """HeadStream over one websocket endpoint. Its URL may hold an API key, so it is never printed."""

    def __init__(
        self, url: str, *, silence_s: float, name: str = "", first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        """Take the address; one that shows no new head for `silence_s` is connected to anew."""
        self._url = url
        self.name = name or mask_url(url)
        self._silence_s = silence_s
        self._first_pause_s = first_pause_s
        self._pause_s = first_pause_s
        self._heard_at: float | None = None
        self._last = ""
        self._is_missed = False

    def __repr__(self) -> str:
        return f"WebSocketHeads({self.name})"

    @property
    def is_live(self) -> bool:
        """Whether it is connected and showed a new head within the time of its silence."""
        return self._heard_at is not None and time.monotonic() - self._heard_at <= self._silence_s

    async def check(self) -> ChainId:
        """Subscribe once and leave; return which chain it serves. Raises ChainUnavailable."""
        try:
            async with asyncio.timeout(CHECK_S), self._connected() as socket:
                # First: after a subscription heads come in between.
                await socket.send_str(ASK_CHAIN)
                chain_id = _chain_id(await _message(socket, CHECK_S))
                await socket.send_str(SUBSCRIBE)
                _subscription(await _message(socket, CHECK_S))
                return chain_id
        except StreamBroken as broken:
            raise ChainUnavailable(str(broken)) from None
        except TimeoutError:
            raise ChainUnavailable(f"it did not answer within {CHECK_S:.0f} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ChainUnavailable(type(error).__name__) from None

    async def follow(self, wake: Callable[[], None]) -> None:
        """Call `wake` for each new head; connect again after each failure, later and later."""
        while True:
            try:
                await self._listen(wake)
            except StreamBroken as broken:
                self._lost(str(broken))
            except (aiohttp.ClientError, OSError, ValueError) as error:
                # Its text may hold the URL: name its type alone. A ValueError is a URL that cannot be asked.
                self._lost(type(error).__name__)
            finally:
                self._heard_at = None
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _lost(self, why: str) -> None:
        """Log that it is lost, once until it has spoken again."""
        if not self._is_missed:
            log.warning("head_stream_lost", endpoint=self.name, reason=why, next="heads are polled")
        self._is_missed = True

    async def _listen(self, wake: Callable[[], None]) -> None:
        async with self._connected() as socket:
            await socket.send_str(SUBSCRIBE)
            subscription = _subscription(await _message(socket, CONNECT_S))
            # What happened before it was open, nobody has told.
            wake()
            silent_at = time.monotonic() + self._silence_s
            while True:
                head = _head(await _message(socket, silent_at - time.monotonic()), subscription)
                if head == self._last:
                    continue
                self._heard(head)
                silent_at = time.monotonic() + self._silence_s
                wake()
                await asyncio.sleep(PACE_S)

    def _heard(self, head: str) -> None:
        if self._is_missed or self._heard_at is None:
            log.info("head_stream_speaks", endpoint=self.name)
        self._last, self._heard_at, self._is_missed = head, time.monotonic(), False
        self._pause_s = self._first_pause_s

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        forbidden = why_forbidden(urlsplit(self._url).hostname or "")
        if forbidden:
            raise StreamBroken(f"it is {forbidden}")
        traces = aiohttp.TraceConfig()
        traces.on_request_redirect.append(_refuse_redirect)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=GuardedResolver()),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[traces],
        ) as session:
            try:
                async with asyncio.timeout(CONNECT_S):
                    socket = await session.ws_connect(
                        self._url, heartbeat=HEARTBEAT_S, max_msg_size=MOST_MESSAGE_BYTES
                    )
            except TimeoutError:
                raise StreamBroken(f"no connection within {CONNECT_S:.0f} s") from None
            try:
                yield socket
            finally:
                # It waits for the other side's farewell, behind all that one still says.
                with suppress(TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        await socket.close()


async def _refuse_redirect(_session: aiohttp.ClientSession, _context: SimpleNamespace, _told: object) -> None:
    raise StreamBroken("it sends its clients elsewhere")


async def _message(socket: aiohttp.ClientWebSocketResponse, within_s: float) -> Json:
    try:
        async with asyncio.timeout(within_s):
            received = await socket.receive()
    except TimeoutError:
        raise StreamBroken("it is silent") from None
    if received.type is not aiohttp.WSMsgType.TEXT:
        raise StreamBroken(f"the connection ended ({received.type.name})")
    try:
        return orjson.loads(received.data)
    except orjson.JSONDecodeError:
        raise StreamBroken("it says what is no JSON") from None


def _chain_id(answer: Json) -> ChainId:
    found = answer.get("result") if isinstance(answer, dict) and answer.get("id") == 1 else None
    if not isinstance(found, str) or not _QUANTITY.fullmatch(found):
        raise StreamBroken("it does not say which chain it serves")
    return ChainId(int(found, 16))


def _subscription(answer: Json) -> str:
    found = answer.get("result") if isinstance(answer, dict) and answer.get("id") == 1 else None
    if not isinstance(found, str) or not found:
        raise StreamBroken("it takes no subscription to newHeads")
    return found


def _head(told: Json, subscription: str) -> str:
    """Return the hash of the head that a notification shows; raises StreamBroken for anything else."""
    try:
        params = told["params"]
        found = params["result"]["hash"]
        is_ours = told["method"] == "eth_subscription" and params["subscription"] == subscription
    except (KeyError, TypeError, IndexError):
        is_ours, found = False, None
    if not is_ours or not isinstance(found, str):
        raise StreamBroken("it says what is no head")
    return found
