"""A JSON-RPC client over one HTTP endpoint: own deadline, capped answers, no redirects, no retries."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import orjson

MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_ERROR_TEXT = 2_000
HTTP_OK = 200

Json = Any
"""Whatever a JSON-RPC answer holds; who asked gives it its shape."""


class RpcSilent(Exception):
    """No usable answer: timeout, connection error, HTTP error, broken JSON. It may have been acted on."""


class RpcFailure(Exception):
    """The endpoint answered with a JSON-RPC error."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.data = data


@dataclass(frozen=True, slots=True)
class Request:
    """One method with its parameters."""

    method: str
    params: Sequence[Json]


class JsonRpc:
    """One endpoint. Its URL may hold an API key, so it is never printed."""

    def __init__(
        self, url: str, *, timeout_s: float = 10.0, max_answer_bytes: int = MAX_ANSWER_BYTES
    ) -> None:
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._max_answer_bytes = max_answer_bytes
        self._session: aiohttp.ClientSession | None = None
        self._ids = count(1)

    @property
    def name(self) -> str:
        """Scheme and host, without path, query and credentials."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def __repr__(self) -> str:
        return f"JsonRpc({self.name})"

    async def request(self, method: str, params: Sequence[Json] = ()) -> Json:
        """Return `result`; raises RpcFailure or RpcSilent."""
        request_id = next(self._ids)
        answer = await self._post(
            {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}
        )
        if not isinstance(answer, dict) or answer.get("id") not in (request_id, None):
            raise RpcSilent(f"{self.name} answered something else to {method}")
        return _result(answer, self.name, method)

    async def batch(self, requests: Sequence[Request]) -> list[Json]:
        """Return each `result` in order, an RpcFailure in place of one that failed; raises RpcSilent."""
        ids = [next(self._ids) for _ in requests]
        answer = await self._post(
            [
                {"jsonrpc": "2.0", "id": request_id, "method": request.method, "params": list(request.params)}
                for request_id, request in zip(ids, requests, strict=True)
            ]
        )
        if not isinstance(answer, list):
            raise RpcSilent(f"{self.name} did not answer a batch with a list")
        by_id = {item.get("id"): item for item in answer if isinstance(item, dict)}
        return [
            _result_or_failure(by_id.get(request_id, {}), self.name, request.method)
            for request_id, request in zip(ids, requests, strict=True)
        ]

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _post(self, body: object) -> Json:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        try:
            async with self._session.post(
                self._url,
                data=orjson.dumps(body),
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                content = await self._capped(response)
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # The error's text may hold the URL: name its type alone.
            raise RpcSilent(f"{self.name} did not answer ({type(error).__name__})") from None
        return _parsed(content, status, self.name)

    async def _capped(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(65_536):
            content += chunk
            if len(content) > self._max_answer_bytes:
                raise RpcSilent(f"{self.name} answered more than {self._max_answer_bytes} bytes")
        return bytes(content)


def _parsed(content: bytes, status: int, name: str) -> Json:
    try:
        # orjson refuses documents nested deeper than 1,024 by itself.
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise RpcSilent(f"{name} answered HTTP {status} without JSON") from None
    # Some nodes send a JSON-RPC error with an HTTP error status.
    if status != HTTP_OK and not (isinstance(answer, dict) and "error" in answer):
        raise RpcSilent(f"{name} answered HTTP {status}")
    return answer


def _result(answer: dict[str, Json], name: str, method: str) -> Json:
    outcome = _result_or_failure(answer, name, method)
    if isinstance(outcome, RpcFailure):
        raise outcome
    return outcome


def _result_or_failure(answer: dict[str, Json], name: str, method: str) -> Json:
    error = answer.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        message = str(error.get("message", ""))[:MAX_ERROR_TEXT]
        return RpcFailure(code if isinstance(code, int) else 0, message, error.get("data"))
    if "result" not in answer:
        raise RpcSilent(f"{name} answered {method} without a result")
    return answer["result"]
