"""A JSON-RPC client over one HTTP endpoint: own deadline, capped answers, no redirects, no retries."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import orjson

from agent.adapters.endpoint_health import Health, answered, failed, stopped
from agent.adapters.guarded_resolver import GuardedResolver
from agent.domain.endpoint_host import why_forbidden
from agent.telemetry.secrets import REDACTOR, mask_url

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Of a node: thousands of reads in one answer."""
MAX_ERROR_TEXT = 2_000
MOST_DEPTH = 8
"""Of an error's data: bundlers wrap theirs once or twice."""
DEADLINE_S = 10.0
DEADLINES_S = {
    "eth_call": 20.0,
    "eth_getLogs": 20.0,
    "eth_estimateUserOperationGas": 20.0,
    "eth_sendUserOperation": 15.0,
}
"""From the connection to the last byte, of methods that may take longer than most."""
TOO_MANY_REQUESTS = frozenset({429, -32005})
"""Error codes of an endpoint that answers, and not what it was asked."""
_HEX = re.compile("0x(?:[0-9a-fA-F]{2})*")
HTTP_OK = 200
HTTP_TOO_LARGE = 413

Json = Any
"""Whatever a JSON-RPC answer holds; who asked gives it its shape."""


class RpcSilent(Exception):
    """No usable answer: timeout, connection error, HTTP error, broken JSON. It may have been acted on."""


class RpcTooLarge(RpcSilent):
    """The endpoint, or something before it, takes no request of this size."""


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


@dataclass(frozen=True, slots=True)
class PackedRequest:
    """A request written once, but for its last parameter and its id: a megabyte is not written each time."""

    method: str
    head: bytes

    @classmethod
    def of(cls, method: str, *params: Json) -> Self:
        """Write all parameters but the last one; at least one."""
        written = orjson.dumps({"jsonrpc": "2.0", "method": method, "params": list(params)})
        return cls(method, written.removesuffix(b"]}") + b",")

    def body(self, last: bytes, request_id: int) -> bytes:
        """Return the request; `last` is JSON."""
        return b'%b%b],"id":%d}' % (self.head, last, request_id)


class JsonRpc:
    """One endpoint and its health. Its URL may hold an API key, so it is never printed."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        timeout_s: float | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        """Take the address; `name` is shown in its place, `timeout_s` replaces every method's deadline."""
        self._url = url
        self._name = name or mask_url(url)
        self._timeout_s = timeout_s
        self._max_answer_bytes = max_answer_bytes
        self._session: aiohttp.ClientSession | None = None
        self._ids = count(1)
        self.health = Health()
        self.failures = 0
        """Since the start."""

    @property
    def name(self) -> str:
        """Scheme and host, without path, query and credentials, or the name it was given."""
        return self._name

    def __repr__(self) -> str:
        return f"JsonRpc({self.name})"

    async def request(self, method: str, params: Sequence[Json] = ()) -> Json:
        """Return `result`; raises RpcFailure or RpcSilent."""
        request_id = next(self._ids)
        body = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}
        return await self._answer(orjson.dumps(body), method, request_id)

    async def request_packed(self, request: PackedRequest, last: bytes) -> Json:
        """Return `result`; `last` is the last parameter, as JSON. Raises RpcFailure or RpcSilent."""
        request_id = next(self._ids)
        return await self._answer(request.body(last, request_id), request.method, request_id)

    async def _answer(self, body: bytes, method: str, request_id: int) -> Json:
        with self._noted():
            answer = await self._post(body, method)
            if not isinstance(answer, dict) or not _is_to(answer, request_id):
                raise RpcSilent(f"{self.name} answered something else to {method}")
            outcome = _result_or_failure(answer, self.name, method)
            if isinstance(outcome, RpcFailure):
                raise outcome
            return outcome

    async def batch(self, requests: Sequence[Request]) -> list[Json]:
        """Return each `result` in order, an RpcFailure in place of one that failed; raises RpcSilent."""
        ids = [next(self._ids) for _ in requests]
        body = [
            {"jsonrpc": "2.0", "id": request_id, "method": request.method, "params": list(request.params)}
            for request_id, request in zip(ids, requests, strict=True)
        ]
        with self._noted():
            by_id = self._by_id(await self._post(orjson.dumps(body), requests[0].method if requests else ""))
            return [
                _result_or_failure(by_id.get(request_id, {}), self.name, request.method)
                for request_id, request in zip(ids, requests, strict=True)
            ]

    def blame(self, why: str) -> None:
        """Count an answer that could not be used as none."""
        self.failures += 1
        self.health = failed(self.health, why, time.monotonic())

    def stop(self, why: str) -> None:
        """Ask it last from now on: it serves something else than it should."""
        self.health = stopped(self.health, why)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except RpcTooLarge:
            self.health = answered(self.health, time.monotonic())
            raise
        except RpcSilent as silence:
            self.blame(str(silence))
            raise
        except RpcFailure as failure:
            if failure.code in TOO_MANY_REQUESTS:
                self.blame(f"{self.name} wants fewer requests")
            else:
                self.health = answered(self.health, time.monotonic())
            raise
        self.health = answered(self.health, time.monotonic())

    def _by_id(self, answer: Json) -> dict[int, dict[str, Json]]:
        if not isinstance(answer, list):
            raise RpcSilent(f"{self.name} did not answer a batch with a list")
        by_id: dict[int, dict[str, Json]] = {}
        for item in answer:
            request_id = item.get("id") if isinstance(item, dict) else None
            # Which of two answers to one question is right, nobody can say.
            if not isinstance(request_id, int) or request_id in by_id:
                raise RpcSilent(f"{self.name} answered something else to a batch")
            by_id[request_id] = item
        return by_id

    def _open(self) -> aiohttp.ClientSession:
        forbidden = why_forbidden(urlsplit(self._url).hostname or "")
        if forbidden:
            raise RpcSilent(f"{self.name} is not asked: it is {forbidden}")
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=GuardedResolver()), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def _post(self, body: bytes, method: str) -> Json:
        if self._session is None:
            self._session = self._open()
        deadline_s = self._timeout_s or DEADLINES_S.get(method, DEADLINE_S)
        try:
            async with self._session.post(
                self._url,
                data=body,
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=deadline_s),
            ) as response:
                content = await self._capped(response)
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # The error's text may hold the URL: name its type alone.
            raise RpcSilent(f"{self.name} did not answer ({type(error).__name__})") from None
        return _parsed(content, status, self.name)

    async def _capped(self, response: aiohttp.ClientResponse) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in response.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > self._max_answer_bytes:
                raise RpcSilent(f"{self.name} answered more than {self._max_answer_bytes} bytes")
        return b"".join(pieces)


def _parsed(content: bytes, status: int, name: str) -> Json:
    if status == HTTP_TOO_LARGE:
        raise RpcTooLarge(f"{name} answered HTTP {status}")
    try:
        # orjson refuses documents nested deeper than 1,024 by itself.
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise RpcSilent(f"{name} answered HTTP {status} without JSON") from None
    # Some nodes send a JSON-RPC error with an HTTP error status.
    if status != HTTP_OK and not (isinstance(answer, dict) and "error" in answer):
        raise RpcSilent(f"{name} answered HTTP {status}")
    return answer


def _is_to(answer: dict[str, Json], request_id: int) -> bool:
    given = answer.get("id")
    # An endpoint that could not read the request answers with an error and no id.
    return (given is None and "error" in answer) or (type(given) is int and given == request_id)


def _result_or_failure(answer: dict[str, Json], name: str, method: str) -> Json:
    error = answer.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        # It goes into the journal, the log and the probes, and some peers name the key that was used.
        message = _masked_text(str(error.get("message", "")))[:MAX_ERROR_TEXT]
        return RpcFailure(code if isinstance(code, int) else 0, message, _masked(error.get("data")))
    if "result" not in answer:
        raise RpcSilent(f"{name} answered {method} without a result")
    return answer["result"]


def _masked(data: Json, depth: int = 0) -> Json:
    """Return an error's data without secrets; it is decoded later, so whatever decodes it is shown none."""
    if isinstance(data, str):
        return _masked_text(data)
    if isinstance(data, dict | list) and depth == MOST_DEPTH:
        return None
    if isinstance(data, dict):
        return {name: _masked(item, depth + 1) for name, item in data.items()}
    if isinstance(data, list):
        return [_masked(item, depth + 1) for item in data]
    return data


def _masked_text(text: str) -> str:
    masked = REDACTOR.redact_hex(text)
    # In the digits of hex alone a short secret would be seen where there is none.
    return masked if _HEX.fullmatch(masked) else REDACTOR.redact_text(masked)
