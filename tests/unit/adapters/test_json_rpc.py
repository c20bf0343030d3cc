"""The JSON-RPC client against a server that misbehaves."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agent.adapters import json_rpc
from agent.adapters.guarded_resolver import GuardedResolver
from agent.adapters.json_rpc import Json, JsonRpc, Request, RpcFailure, RpcSilent
from agent.telemetry.secrets import Redactor

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def a_server(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/{path:.*}", handler)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/v1/secret-api-key"))


def answering(body: object, status: int = 200) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        asked = orjson.loads(await request.read())
        filled = body(asked) if callable(body) else body
        content = filled if isinstance(filled, bytes) else orjson.dumps(filled)
        return web.Response(body=content, status=status, content_type="application/json")

    return handler


def result(asked: Json) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": asked["id"], "result": asked["method"]}


async def test_a_result_comes_back() -> None:
    async with a_server(answering(result)) as url, JsonRpc(url) as rpc:
        assert await rpc.request("eth_chainId") == "eth_chainId"


async def test_an_error_object_keeps_code_message_and_data() -> None:
    error = {"error": {"code": -32500, "message": "AA21", "data": "0x01"}}

    async with a_server(answering(lambda asked: {"id": asked["id"], **error})) as url, JsonRpc(url) as rpc:
        with pytest.raises(RpcFailure) as failure:
            await rpc.request("eth_sendUserOperation")

    assert (failure.value.code, failure.value.message, failure.value.data) == (-32500, "AA21", "0x01")


async def test_a_key_that_a_peer_repeats_is_masked_before_anybody_writes_it_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redactor = Redactor()
    monkeypatch.setattr(json_rpc, "REDACTOR", redactor)
    error = {"error": {"code": -32001, "message": "no credit left on key secret-api-key-of-ours"}}
    async with a_server(answering(lambda asked: {"id": asked["id"], **error})) as url, JsonRpc(url) as rpc:
        redactor.register_url(f"{url}-of-ours")
        with pytest.raises(RpcFailure) as failure:
            await rpc.request("eth_sendUserOperation")

    assert failure.value.message == "no credit left on key ****"
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>bad gateway</html>", 502),
        (b"{", 200),
        ([], 200),
        ({"id": 999, "result": 1}, 200),
        ({"id": 1}, 200),
        ({"id": 1, "result": 1}, 500),
        (b"[" * 5_000 + b"]" * 5_000, 200),
    ],
    ids=["html", "cut", "list", "another id", "no result", "http 500", "deep"],
)
async def test_a_broken_answer_is_silence_not_failure(body: object, status: int) -> None:
    async with a_server(answering(body, status)) as url, JsonRpc(url) as rpc:
        with pytest.raises(RpcSilent):
            await rpc.request("eth_sendUserOperation")


async def test_an_answer_above_the_cap_is_silence() -> None:
    async with a_server(answering(b"x" * 10_000)) as url, JsonRpc(url, max_answer_bytes=9_999) as rpc:
        with pytest.raises(RpcSilent, match="more than 9999 bytes"):
            await rpc.request("eth_getLogs")


async def test_a_redirect_is_not_followed() -> None:
    visited: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        visited.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with a_server(handler) as url, JsonRpc(url) as rpc:
        with pytest.raises(RpcSilent):
            await rpc.request("eth_chainId")

    assert visited == ["/v1/secret-api-key"]


async def test_a_batch_gives_each_its_own_outcome() -> None:
    def body(asked: Json) -> list[dict[str, object]]:
        first, second = asked
        return [{"id": second["id"], "error": {"code": 3, "message": "reverted"}}, result(first)]

    async with a_server(answering(body)) as url, JsonRpc(url) as rpc:
        one, two = await rpc.batch([Request("a", []), Request("b", [])])

    assert one == "a"
    assert isinstance(two, RpcFailure)


@pytest.mark.parametrize("body", [b"nothing", [], {"id": 1, "result": 2}], ids=["text", "empty", "single"])
async def test_no_error_and_no_repr_shows_the_url(body: object) -> None:
    async with a_server(answering(body, 500)) as url, JsonRpc(url) as rpc:
        with pytest.raises(RpcSilent) as silence:
            await rpc.request("eth_chainId")

        assert "secret-api-key" not in str(silence.value) + repr(rpc) + rpc.name


async def test_a_peer_that_hangs_up_is_silence() -> None:
    rpc = JsonRpc("http://127.0.0.1:9/secret-api-key", timeout_s=1)

    with pytest.raises(RpcSilent) as silence:
        await rpc.request("eth_chainId")

    await rpc.close()
    assert "secret-api-key" not in str(silence.value)


@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.google.internal", "[fe80::1]"])
async def test_a_host_that_may_not_be_asked_is_not_asked(host: str) -> None:
    async with JsonRpc(f"http://{host}/secret-api-key") as rpc:
        with pytest.raises(RpcSilent, match="is not asked"):
            await rpc.request("eth_chainId")


async def test_a_name_that_points_to_such_a_host_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolved(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)

    with pytest.raises(OSError, match="is not asked"):
        await GuardedResolver().resolve("node.example", 80)


@pytest.mark.parametrize(
    "body",
    [
        lambda asked: [result(asked[0]), result(asked[0])],
        lambda _: [{"id": [1], "result": 1}],
        lambda _: [{"id": None, "result": 1}],
        lambda _: ["text"],
    ],
    ids=["twice", "list", "none", "text"],
)
async def test_a_batch_answered_otherwise_is_silence(body: Callable[[Json], object]) -> None:
    async with a_server(answering(body)) as url, JsonRpc(url) as rpc:
        with pytest.raises(RpcSilent):
            await rpc.batch([Request("a", [])])


@pytest.mark.parametrize("answer_id", [None, True, "1", 1.5, [1]], ids=str)
async def test_a_result_for_another_id_is_silence(answer_id: object) -> None:
    async with a_server(answering({"id": answer_id, "result": 1})) as url, JsonRpc(url) as rpc:
        with pytest.raises(RpcSilent):
            await rpc.request("eth_chainId")
