"""A key in the data of a peer's error is masked in whatever is decoded from it and written down."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web
from eth_abi.abi import encode

from agent.adapters import json_rpc
from agent.adapters.bundler_rpc import BundlerRpc
from agent.adapters.json_rpc import MOST_DEPTH, Json, JsonRpc, RpcFailure
from agent.adapters.node_rpc import NodeRpc
from agent.adapters.paymaster_rpc import PaymasterRpc
from agent.domain.errors import BundlerRejected, ChainReverted, EntryPointRejected, PaymasterRejected
from agent.domain.keccak import keccak256
from agent.domain.send_answer import RejectedAnswer
from agent.domain.units import Wei
from agent.erc4337.entry_point_errors import error_from_revert
from agent.erc4337.version import EntryPointVersion
from agent.pipeline.disposition import disposition
from agent.pipeline.refusal import from_error
from agent.pipeline.validate import ask_module
from agent.ports import Block
from agent.telemetry.secrets import Redactor
from tests.builders import CHAIN_ID, ENTRY_POINT, NOW, PAYEE, a_hash, a_journaled_operation, a_user_operation
from tests.unit.adapters.servers import serving

KEY = "sk-live-4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c"
STARS = "*" * len(KEY)
WORDS = f"quota of {KEY} is used up"
ERROR = bytes.fromhex("08c379a0") + encode(["string"], [WORDS])
BLOCK = Block(1, a_hash(), NOW, Wei(1))
UNKNOWN = bytes.fromhex("deadbeef") + WORDS.encode()
BEHIND_AA23 = keccak256(b"FailedOpWithRevert(uint256,string,bytes)")[:4] + encode(
    ["uint256", "string", "bytes"], [0, "AA23 reverted", ERROR]
)


def upper(data: bytes) -> str:
    return "0x" + data.hex().upper()


def lower(data: bytes) -> str:
    return "0x" + data.hex()


@pytest.fixture(autouse=True)
def known_key(monkeypatch: pytest.MonkeyPatch) -> None:
    redactor = Redactor()
    redactor.register(KEY)
    monkeypatch.setattr(json_rpc, "REDACTOR", redactor)


@asynccontextmanager
async def a_peer(code: int, message: str, data: Json = None) -> AsyncIterator[JsonRpc]:
    """Return a client of a peer that refuses everything but to name its chain."""

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        refusal = {"error": {"code": code, "message": message, "data": data}}
        answer = {"result": hex(CHAIN_ID)} if asked["method"] == "eth_chainId" else refusal
        return web.Response(body=orjson.dumps({"id": asked["id"], **answer}))

    async with serving(handle) as (url,), JsonRpc(url, name="peer") as rpc:
        yield rpc


def is_masked(text: str) -> bool:
    secrets = KEY, KEY.encode().hex(), KEY.encode().hex().upper()
    return not any(form in text for form in secrets)


@pytest.mark.parametrize("form", [lower, upper])
@pytest.mark.parametrize("revert", [ERROR, UNKNOWN], ids=["known", "unknown"])
@pytest.mark.parametrize("wrapped", [False, True])
async def test_what_a_bundler_says_of_a_send_is_journaled_without_it(
    form: Callable[[bytes], str], revert: bytes, *, wrapped: bool
) -> None:
    data = {"revertData": form(revert), "txs": [WORDS]} if wrapped else form(revert)
    async with a_peer(-32521, "execution reverted", data) as rpc:
        answer = await BundlerRpc(rpc, EntryPointVersion.V07).send(a_journaled_operation())

    assert isinstance(answer, RejectedAnswer)
    verdict = disposition(answer)
    assert is_masked(verdict.reason)
    assert is_masked(str(answer))
    assert verdict.code == ("execution_reverted_error" if revert is ERROR else "execution_reverted")


@pytest.mark.parametrize("form", [lower, upper])
@pytest.mark.parametrize("in_the_message", [True, False])
async def test_what_it_says_of_an_estimate_is_decoded_as_before(
    form: Callable[[bytes], str], *, in_the_message: bool
) -> None:
    message, data = "UserOperation reverted: AA23 reverted", form(ERROR)
    told = (f"{message} {data}", None) if in_the_message else (message, {"revertData": data})
    async with a_peer(-32500, *told) as rpc:
        with pytest.raises(BundlerRejected) as refused:
            await BundlerRpc(rpc, EntryPointVersion.V07).estimate(a_user_operation(), ENTRY_POINT)

    why = from_error(refused.value, NOW, NOW)
    assert why.code == "aa23_error"
    assert f"Error(quota of {STARS} is used up)" in why.reason
    assert is_masked(str(refused.value))


async def test_what_the_module_reverts_with_is_decoded_without_it() -> None:
    async with a_peer(3, "execution reverted", lower(ERROR)) as rpc:
        with pytest.raises(EntryPointRejected) as refused:
            await ask_module(NodeRpc(CHAIN_ID, rpc), PAYEE, a_user_operation(), a_hash(), BLOCK)

    assert str(refused.value) == f"AA23 reverted Error(quota of {STARS} is used up)"
    assert is_masked(from_error(refused.value, NOW, NOW).reason)


async def test_what_a_call_reverts_with_keeps_its_length() -> None:
    async with a_peer(3, "execution reverted", {"data": lower(BEHIND_AA23)}) as rpc:
        with pytest.raises(ChainReverted) as reverted:
            await NodeRpc(CHAIN_ID, rpc).call(PAYEE, b"", 1)

    error = error_from_revert(reverted.value.data)
    assert error is not None
    assert str(error) == f"AA23 reverted: Error(quota of {STARS} is used up)"
    assert len(reverted.value.data) == len(BEHIND_AA23)


async def test_what_a_paymaster_says_names_it_nowhere() -> None:
    async with a_peer(-32_002, f"{WORDS} {lower(ERROR)}", WORDS) as rpc:
        service = PaymasterRpc("sponsor", rpc, CHAIN_ID, EntryPointVersion.V07, {})
        with pytest.raises(PaymasterRejected) as refused:
            await service.stub_data(a_user_operation(), ENTRY_POINT)

    assert is_masked(str(refused.value))


async def test_data_in_which_no_secret_is_stays_as_it_is() -> None:
    data = {"revertData": lower(UNKNOWN[:14]), "fees": ["0x1", 7, None, True, 0.5], "why": "none"}
    assert await told(data) == data


async def test_data_that_is_too_deep_for_any_bundler_is_cut() -> None:
    # Deeper than the writer of JSON goes, not than its reader.
    deep = orjson.Fragment(b'{"data":' * 900 + b'"0x"' + b"}" * 900)

    answer = await told(deep)

    data = answer
    for _ in range(MOST_DEPTH):
        data = data["data"]
    assert data is None
    # Nor does the recursion of whoever reads it end in an error.
    assert disposition(RejectedAnswer(-32521, "execution reverted", answer)).code == "execution_reverted"


async def told(data: Json) -> Json:
    """Return the data of an error as whoever asked gets it."""
    async with a_peer(-32521, "execution reverted", data) as rpc:
        with pytest.raises(RpcFailure) as failure:
            await rpc.request("eth_sendUserOperation")
    return failure.value.data
