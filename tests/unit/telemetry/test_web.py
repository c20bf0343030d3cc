import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from agent.telemetry.health import Health
from agent.telemetry.limit_gauges import LimitLabels
from agent.telemetry.metrics import Metrics
from agent.web.app import create_app
from agent.web.serve import AddressRefused, listen, serve


@asynccontextmanager
async def served(metrics: Metrics, health: Health) -> AsyncIterator[str]:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    serving = asyncio.create_task(serve(create_app(metrics, health), listener))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def fetched(url: str, method: str = "GET") -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.request(method, url) as answer:
        return answer.status, answer.headers.get("Content-Type", ""), await answer.text()


async def test_metrics_page_has_exact_limits() -> None:
    metrics = Metrics("0.1.0", "live")
    metrics.limit_observed(LimitLabels("billing", "p", "USDC", "token"), limit=2**200, used=1, reserved=0)

    async with served(metrics, Health()) as url:
        status, kind, page = await fetched(url + "/metrics")

    assert status == 200
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    assert f" {2**200}\n" in page


async def test_probes_answer_503_until_all_is_well() -> None:
    health = Health()
    health.needs("store")

    async with served(Metrics("0.1.0", "live"), health) as url:
        assert (await fetched(url + "/healthz"))[0] == 200
        status, _, body = await fetched(url + "/readyz")
        assert status == 503
        assert json.loads(body)["checks"]["recovery"] == "not finished"
        health.recovered()
        health.answered("store")
        assert (await fetched(url + "/readyz"))[0] == 200


async def test_nothing_else_is_served_and_nothing_can_be_written() -> None:
    async with served(Metrics("0.1.0", "live"), Health()) as url:
        assert (await fetched(url + "/"))[0] == 404
        assert (await fetched(url + "/metrics", "POST"))[0] == 405
        assert (await fetched(url + "/healthz", "DELETE"))[0] == 405


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_address_others_can_reach_is_refused_unless_allowed(host: str) -> None:
    with pytest.raises(AddressRefused, match="other machines"):
        listen(host, 0)


def test_address_others_can_reach_is_taken_when_allowed() -> None:
    listen("0.0.0.0", 0, allow_remote=True).close()


def test_taken_port_is_one_clean_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(AddressRefused, match="cannot listen"):
            listen("127.0.0.1", taken.getsockname()[1])


async def test_server_leaves_the_signals_to_the_worker() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    async with served(Metrics("0.1.0", "live"), Health()) as url:
        await fetched(url + "/healthz")
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_port_is_free_after_the_end() -> None:
    async with served(Metrics("0.1.0", "live"), Health()) as url:
        await fetched(url + "/healthz")
        port = int(url.rsplit(":", 1)[1])

    listen("127.0.0.1", port).close()
