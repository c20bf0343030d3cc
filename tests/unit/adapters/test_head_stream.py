"""Streams of heads from real websocket servers that lie, break and keep silent."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count

import orjson
import pytest
import structlog
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from agent.adapters import head_stream
from agent.adapters.head_stream import MOST_MESSAGE_BYTES, WebSocketHeads
from agent.domain.errors import ChainUnavailable
from tests.builders import a_hash

WAIT_S = 60
SUBSCRIPTION = "0xcafe"
Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


def a_head(number: int, subscription: str = SUBSCRIPTION) -> str:
    header = {"number": hex(number), "hash": str(a_hash(number))}
    told = {
        "jsonrpc": "2.0",
        "method": "eth_subscription",
        "params": {"subscription": subscription, "result": header},
    }
    return orjson.dumps(told).decode()


class StreamServer:
    """Takes subscriptions; what each connection hears then, its talk decides. The last is for all others."""

    def __init__(self, *talks: Talk) -> None:
        self._talks = talks
        self.connections = 0
        self.chain_id: object = "0x7a69"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        talk = self._talks[min(self.connections, len(self._talks) - 1)]
        self.connections += 1
        asked = orjson.loads((await socket.receive()).data)
        if asked["method"] == "eth_chainId":
            await subscribed(socket, self.chain_id)
            asked = orjson.loads((await socket.receive()).data)
        assert (asked["method"], asked["params"]) == ("eth_subscribe", ["newHeads"])
        with suppress(ConnectionError):
            await talk(socket)
        await socket.close()
        return socket


async def subscribed(socket: web.WebSocketResponse, answer: object = SUBSCRIPTION) -> None:
    await socket.send_str(orjson.dumps({"jsonrpc": "2.0", "id": 1, "result": answer}).decode())


async def until_left(socket: web.WebSocketResponse) -> None:
    while (await socket.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING):
        pass


async def shows_heads(socket: web.WebSocketResponse) -> None:
    """Show three heads and keep the connection."""
    await subscribed(socket)
    for number in (1, 2, 3):
        await socket.send_str(a_head(number))
    await until_left(socket)


def says(*texts: str) -> Talk:
    async def talk(socket: web.WebSocketResponse) -> None:
        await subscribed(socket)
        for text in texts:
            await socket.send_str(text)
        await until_left(socket)

    return talk


async def floods(socket: web.WebSocketResponse) -> None:
    await subscribed(socket)
    for number in count():
        await socket.send_str(a_head(number))
        await asyncio.sleep(0)


async def takes_no_subscription(socket: web.WebSocketResponse) -> None:
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no such method"}}
    await socket.send_str(orjson.dumps(error).decode())
    await until_left(socket)


async def cuts(socket: web.WebSocketResponse) -> None:
    """Show a head and go without a word."""
    await subscribed(socket)
    await socket.send_str(a_head(7))
    transport = socket._req.transport if socket._req else None  # noqa: SLF001 - to cut it, not to close it
    assert transport is not None
    transport.abort()


async def sends_bytes(socket: web.WebSocketResponse) -> None:
    await subscribed(socket)
    await socket.send_bytes(a_head(1).encode())
    await until_left(socket)


class Bell:
    """Counts how often it rang."""

    def __init__(self) -> None:
        self.rang = 0
        self._news = asyncio.Event()

    def ring(self) -> None:
        self.rang += 1
        self._news.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def url_of(server: StreamServer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    async with TestServer(app, host="127.0.0.1") as running:
        yield str(running.make_url("/secret-api-key")).replace("http", "ws")


@asynccontextmanager
async def following(
    server: StreamServer, *, silence_s: float = WAIT_S
) -> AsyncIterator[tuple[WebSocketHeads, Bell]]:
    async with url_of(server) as url:
        stream, bell = WebSocketHeads(url, silence_s=silence_s, first_pause_s=0.01), Bell()
        task = asyncio.create_task(stream.follow(bell.ring))
        try:
            yield stream, bell
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_each_new_head_rings_once() -> None:
    server = StreamServer(says(a_head(1), a_head(1), a_head(2), a_head(2), a_head(3)))
    async with following(server) as (stream, bell):
        assert not stream.is_live
        # Once for the connection, once for each of three heads.
        await bell.until(lambda: bell.rang == 4)
        assert stream.is_live
        assert "secret" not in repr(stream)
    assert not stream.is_live


MISBEHAVIOURS: dict[str, Talk] = {
    "cuts": cuts,
    "no subscription": takes_no_subscription,
    "strange subscription": lambda socket: subscribed(socket, {"deep": []}),
    "garbage": says("\x00 not json"),
    "deep": says("[" * 100_000),
    "huge": says('"' + "x" * (MOST_MESSAGE_BYTES + 1) + '"'),
    "other subscription": says(a_head(1, "0xbeef")),
    "no hash": says('{"method":"eth_subscription","params":{"subscription":"0xcafe","result":null}}'),
    "list": says("[]"),
    "number": says("7"),
    "NaN": says("NaN"),
    "bytes": sends_bytes,
}


@pytest.mark.parametrize("talk", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_what_is_no_stream_is_left_and_tried_again(talk: Talk) -> None:
    server = StreamServer(talk, talk, shows_heads)
    with structlog.testing.capture_logs() as logs:
        async with following(server) as (stream, bell):
            await bell.until(lambda: stream.is_live and server.connections == 3)

    lost = [entry for entry in logs if entry["event"] == "head_stream_lost"]
    # Not at each try, and again after it spoke.
    assert 1 <= len(lost) <= 2
    assert "secret" not in str(logs)


async def test_a_silent_stream_is_not_live_and_is_left() -> None:
    async def silent(socket: web.WebSocketResponse) -> None:
        await subscribed(socket)
        await until_left(socket)

    server = StreamServer(says(a_head(1)), silent, shows_heads)
    async with following(server, silence_s=0.3) as (stream, bell):
        await bell.until(lambda: bell.rang >= 2)
        await bell.until(lambda: not stream.is_live)
        # Two connections more: the head that is known does not ring.
        await bell.until(lambda: bell.rang >= 6)
        assert server.connections >= 3


async def test_one_that_shows_the_same_head_for_ever_is_silent() -> None:
    async def repeats(socket: web.WebSocketResponse) -> None:
        await subscribed(socket)
        while True:
            await socket.send_str(a_head(1))
            await asyncio.sleep(0.02)

    server = StreamServer(repeats, shows_heads)
    async with following(server, silence_s=0.3) as (_, bell):
        await bell.until(lambda: bell.rang >= 5)
        assert server.connections >= 2


async def test_a_flood_is_heard_no_quicker_than_its_pace() -> None:
    async with following(StreamServer(floods)) as (stream, bell):
        await bell.until(lambda: bell.rang > 5)
        before, loop = bell.rang, asyncio.get_running_loop()
        start = loop.time()
        await asyncio.sleep(0.5)
        assert bell.rang - before <= (loop.time() - start) / 0.02 + 1
        assert stream.is_live


async def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    async def redirects(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    server = StreamServer(shows_heads)
    server.handle = redirects  # type: ignore[method-assign] # a server of another kind
    async with following(server) as (stream, bell):
        await bell.until(lambda: len(asked) >= 2)
        assert not stream.is_live
    assert set(asked) == {"/secret-api-key"}


@pytest.mark.parametrize("url", ["ws://169.254.169.254/key", "ws://127.0.0.1:9/key", "ws://[bad/key"])
async def test_what_cannot_be_reached_is_tried_for_ever(url: str) -> None:
    bell = Bell()
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(
            WebSocketHeads(url, name="node", silence_s=1, first_pause_s=0.001).follow(bell.ring)
        )
        await bell.until(lambda: bool(logs))
        await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert (bell.rang, [entry["endpoint"] for entry in logs]) == (0, ["node"])
    assert "key" not in str(logs)


async def test_a_check_subscribes_and_says_which_chain_it_is() -> None:
    server = StreamServer(shows_heads)
    async with url_of(server) as url:
        assert await WebSocketHeads(url, silence_s=WAIT_S).check() == 31_337
    assert server.connections == 1


@pytest.mark.parametrize("name", ["no subscription", "strange subscription"])
async def test_a_check_says_that_nothing_is_subscribed(name: str) -> None:
    async with url_of(StreamServer(MISBEHAVIOURS[name])) as url:
        with pytest.raises(ChainUnavailable, match="takes no subscription"):
            await WebSocketHeads(url, silence_s=WAIT_S).check()


@pytest.mark.parametrize("chain_id", [None, 31_337, "7a69", "0x", "0x" + "f" * 65])
async def test_a_check_believes_nothing_that_is_no_chain_id(chain_id: object) -> None:
    server = StreamServer(shows_heads)
    server.chain_id = chain_id
    async with url_of(server) as url:
        with pytest.raises(ChainUnavailable, match="which chain"):
            await WebSocketHeads(url, silence_s=WAIT_S).check()


async def test_a_check_has_a_deadline_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_stream, "CHECK_S", 0.2)
    async with url_of(StreamServer(until_left)) as url:
        with pytest.raises(ChainUnavailable):
            await WebSocketHeads(url, silence_s=WAIT_S).check()


@pytest.mark.parametrize("url", ["ws://169.254.169.254/key", "ws://127.0.0.1:9/key", "ws://[bad/key"])
async def test_a_check_of_what_cannot_be_reached_names_no_key(url: str) -> None:
    with pytest.raises(ChainUnavailable) as raised:
        await WebSocketHeads(url, name="node", silence_s=1).check()
    assert "key" not in str(raised.value)


def test_it_has_the_shape_of_the_port() -> None:
    assert inspect.iscoroutinefunction(WebSocketHeads.follow)
