"""JSON-RPC to the local node and bundler: one connection a request, so that no event loop owns it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from agent.devnet.errors import ChainCallError, DevnetError

TIMEOUT = aiohttp.ClientTimeout(total=240)


@dataclass(frozen=True, slots=True)
class Request:
    """One method and its parameters."""

    method: str
    params: tuple[object, ...] = ()


async def call(url: str, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON of any shape
    """Ask one thing; raise ChainCallError on an error answer, DevnetError without an answer."""
    return (await batch(url, [Request(method, params)]))[0]


async def block(url: str, number: str = "latest") -> dict[str, Any]:
    """Return a block with the hashes of its transactions; `number` is 0x-hex or a tag."""
    full_transactions = False
    header: dict[str, Any] = await call(url, "eth_getBlockByNumber", number, full_transactions)
    return header


async def batch(url: str, requests: Sequence[Request]) -> list[Any]:
    """Ask many things in one round trip and return the results in order; the first error is raised."""
    answers = await batch_answers(url, requests)
    for request, answer in zip(requests, answers, strict=True):
        if "error" in answer:
            error = answer["error"]
            raise ChainCallError(request.method, str(error.get("message")), _text(error.get("data")))
    return [answer.get("result") for answer in answers]


async def batch_answers(url: str, requests: Sequence[Request]) -> list[dict[str, Any]]:
    """Ask many things in one round trip and return the answers in order, errors included."""
    if not requests:
        return []
    body = [
        {"jsonrpc": "2.0", "id": index, "method": request.method, "params": request.params}
        for index, request in enumerate(requests)
    ]
    # alto takes no batch; a batch of one is sent as the request itself.
    answer = await _post(url, body if len(body) > 1 else body[0])
    rows = answer if isinstance(answer, list) else [answer]
    if len(rows) != len(body):
        raise DevnetError(f"{len(body)} requests got {len(rows)} answers: {str(rows[0])[:200]}")
    return sorted(rows, key=lambda row: row["id"])


async def _post(url: str, body: object) -> Any:  # noqa: ANN401 - JSON of any shape
    headers = {"content-type": "application/json"}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.post(url, data=orjson.dumps(body), headers=headers) as response,
        ):
            return orjson.loads(await response.read())
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
        raise DevnetError(f"no usable answer from the local chain: {type(error).__name__}") from error


def _text(data: object) -> str:
    return "" if data is None else data if isinstance(data, str) else orjson.dumps(data).decode()
