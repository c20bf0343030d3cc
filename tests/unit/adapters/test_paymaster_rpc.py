"""A paymaster's service on the wire: what it is asked, and what is made of whatever it answers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
import pytest
from aiohttp import web

from agent.adapters.endpoint_health import LEAVE_AFTER
from agent.adapters.json_rpc import Json, JsonRpc
from agent.adapters.paymaster_rpc import MOST_PAYMASTER_BYTES, PaymasterRpc
from agent.domain.errors import PaymasterRejected, PaymasterUnavailable
from agent.domain.units import Address, Gas
from agent.domain.user_operation import PaymasterFields
from agent.erc4337.version import EntryPointVersion
from tests.builders import CHAIN_ID, ENTRY_POINT, a_user_operation
from tests.unit.adapters.servers import MISBEHAVIOURS, Misbehaviour, patience, serving

PAYMASTER = Address(bytes(19) + b"\xcc")
GOOD = {"paymaster": str(PAYMASTER), "paymasterData": "0x01", "paymasterPostOpGasLimit": "0x1"}
OPERATION = replace(a_user_operation(), paymaster=PaymasterFields(PAYMASTER, Gas(3), Gas(4), b"\5"))
CONTEXT = {"sponsorshipPolicyId": "sp_1"}


@asynccontextmanager
async def a_paymaster(misbehave: Misbehaviour) -> AsyncIterator[PaymasterRpc]:
    async with serving(_handler(misbehave)) as (url,):
        rpc = JsonRpc(
            url, name="sponsor", timeout_s=patience(misbehave), max_answer_bytes=MOST_PAYMASTER_BYTES
        )
        service = PaymasterRpc("sponsor", rpc, CHAIN_ID, EntryPointVersion.V07, CONTEXT)
        try:
            yield service
        finally:
            await service.close()


def _handler(misbehave: Misbehaviour) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await misbehave(request, orjson.loads(await request.read()))

    return handle


def answering(result: Json, asked: list[Json] | None = None) -> Misbehaviour:
    async def respond(_: web.Request, question: Json) -> web.StreamResponse:
        if asked is not None:
            asked.append(question)
        return web.Response(body=orjson.dumps({"jsonrpc": "2.0", "id": question["id"], "result": result}))

    return respond


async def refusing(_: web.Request, question: Json) -> web.StreamResponse:
    error = {"code": -32_002, "message": "policy sp_1 has no budget left"}
    return web.Response(body=orjson.dumps({"jsonrpc": "2.0", "id": question["id"], "error": error}))


async def test_the_questions_are_those_of_the_standard() -> None:
    asked: list[Json] = []
    async with a_paymaster(answering(GOOD, asked)) as service:
        await service.stub_data(OPERATION, ENTRY_POINT)
        await service.data(OPERATION, ENTRY_POINT)
    stub, final = asked
    assert [stub["method"], final["method"]] == ["pm_getPaymasterStubData", "pm_getPaymasterData"]
    for question in asked:
        operation, entry_point, chain_id, context = question["params"]
        assert (entry_point, chain_id, context) == (str(ENTRY_POINT), "0x7a69", CONTEXT)
        assert "signature" not in operation
        assert operation["maxFeePerGas"] == hex(OPERATION.max_fee_per_gas)
    assert "paymaster" not in stub["params"][0]
    assert final["params"][0]["paymasterVerificationGasLimit"] == "0x3"


async def test_a_refusal_is_told_without_the_url() -> None:
    async with a_paymaster(refusing) as service:
        with pytest.raises(PaymasterRejected, match="-32002: policy sp_1 has no budget left") as refused:
            await service.stub_data(OPERATION, ENTRY_POINT)
    assert refused.value.code == "paymaster_refused"
    assert "secret-api-key" not in repr(refused.value)
    assert service.standing.healthy


async def test_a_changed_field_is_refused_by_name() -> None:
    async with a_paymaster(answering({**GOOD, "callGasLimit": "0xffff"})) as service:
        with pytest.raises(PaymasterRejected, match="it changes callGasLimit") as refused:
            await service.data(OPERATION, ENTRY_POINT)
    assert refused.value.code == "paymaster_changed_field"


@pytest.mark.parametrize("name", sorted(MISBEHAVIOURS.keys() - {"too many"}))
async def test_what_is_no_answer_is_no_refusal_either(name: str) -> None:
    async with a_paymaster(MISBEHAVIOURS[name]) as service:
        with pytest.raises(PaymasterUnavailable) as silent:
            await service.stub_data(OPERATION, ENTRY_POINT)
    assert "secret-api-key" not in str(silent.value)


async def test_after_failures_in_a_row_it_is_asked_after_the_others() -> None:
    async with a_paymaster(answering({"paymaster": "0x"})) as service:
        for count in range(LEAVE_AFTER):
            assert (count, service.standing.healthy) == (count, True)
            with pytest.raises(PaymasterUnavailable):
                await service.stub_data(OPERATION, ENTRY_POINT)
        assert (service.standing.healthy, service.standing.failures) == (False, LEAVE_AFTER)
