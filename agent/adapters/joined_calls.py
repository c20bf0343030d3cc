"""Simulations from accounts of their own, in JSON-RPC batches: no contract can make them together."""

import asyncio
import time
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from itertools import islice

from agent.adapters.json_rpc import Json, JsonRpc, Request, RpcFailure, RpcSilent

METHOD = "eth_call"
MOST = 32
"""In one request: nodes work on a batch one after the other, and some limit how many it may have."""
SINGLY_S = 600.0
"""How long a node that took no batch is asked one by one before it is given another."""
Params = Sequence[Json]


@dataclass(eq=False, slots=True)
class _Question:
    """One call, and the request that carries it once it is on its way."""

    params: Params
    answer: "asyncio.Future[Json]"
    request: "asyncio.Task[Sequence[Json]] | None" = None


class JoinedCalls:
    """Joins the `eth_call`s to one node that are asked for in one turn of the event loop.

    Each gets its own answer or its own error. A node that refuses batches is asked one by one. Who goes away
    takes the question along: the request is broken off, and the others are asked again without it.
    """

    def __init__(self, rpc: JsonRpc) -> None:
        self._rpc = rpc
        self._waiting: list[_Question] = []
        self._requests: set[asyncio.Task[Sequence[Json]]] = set()
        self._singly_until = 0.0

    async def ask(self, *params: Json) -> Json:
        """Return `result`; raises RpcFailure or RpcSilent."""
        if time.monotonic() < self._singly_until:
            return await self._rpc.request(METHOD, params)
        loop = asyncio.get_running_loop()
        question = _Question(params, loop.create_future())
        self._waiting.append(question)
        if len(self._waiting) == 1:
            # Whoever asks first binds nothing to the log lines of the others.
            loop.call_soon(self._leave, context=Context())
        try:
            return await question.answer
        except asyncio.CancelledError:
            await _break_off(question)
            raise

    def _leave(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._request(waiting)

    def _request(self, questions: Sequence[_Question]) -> None:
        asked = iter([question for question in questions if not question.answer.done()])
        while some := list(islice(asked, MOST)):
            request = asyncio.create_task(self._answers([question.params for question in some]))
            self._requests.add(request)
            for question in some:
                question.request = request
            request.add_done_callback(partial(self._ended, some))

    def _ended(self, some: Sequence[_Question], request: "asyncio.Task[Sequence[Json]]") -> None:
        self._requests.discard(request)
        if request.cancelled():
            self._request(some)
            return
        error = request.exception()
        answers = request.result() if error is None else [error] * len(some)
        for question, answer in zip(some, answers, strict=True):
            _settle(question.answer, answer)

    async def _answers(self, asked: Sequence[Params]) -> Sequence[Json]:
        if len(asked) > 1:
            try:
                return await self._rpc.batch([Request(METHOD, params) for params in asked])
            except RpcSilent:
                # It may take no batches, or be away: one of them tells.
                first = await self._single(asked[0])
                if isinstance(first, RpcSilent):
                    raise first from None
                self._singly_until = time.monotonic() + SINGLY_S
                return [first, *await asyncio.gather(*map(self._single, asked[1:]))]
        return [await self._single(asked[0])]

    async def _single(self, params: Params) -> Json:
        try:
            return await self._rpc.request(METHOD, params)
        except (RpcFailure, RpcSilent) as error:
            return error


async def _break_off(question: _Question) -> None:
    """Return once the question is not on its way any more."""
    request = question.request
    if request is not None and not request.done():
        request.cancel()
        await asyncio.wait([request])


def _settle(future: "asyncio.Future[Json]", answer: Json) -> None:
    if future.done():
        # Who asked went away.
        return
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
