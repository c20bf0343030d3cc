"""A paymaster's service for the local chain (ERC-7677): it sponsors whatever it is asked about."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from agent.devnet import rpc
from agent.devnet.devnet import Devnet
from agent.devnet.paymasters import (
    POST_OP_GAS,
    VERIFICATION_GAS,
    PaymasterKind,
    Terms,
    deploy_paymasters,
    paymaster_data,
)
from agent.devnet.processes import held_port
from agent.domain.operation import with_paymaster
from agent.domain.units import Address, Gas, Timestamp
from agent.domain.user_operation import PaymasterFields
from agent.erc4337.json_form import user_operation_from_json
from agent.erc4337.version import EntryPointVersion

STUB = "pm_getPaymasterStubData"
FINAL = "pm_getPaymasterData"
WINDOW_S = 600
_GAS = ("callGasLimit", "verificationGasLimit", "preVerificationGas")
_FEES = ("maxFeePerGas", "maxPriorityFeePerGas")


@dataclass(frozen=True, slots=True)
class PaymasterService:
    """What answers for one paymaster contract."""

    devnet: Devnet
    kind: PaymasterKind
    address: Address

    def answer(self, method: str, params: list[Any], terms: Terms) -> dict[str, object]:
        """Return the result of a method; raise ValueError naming what is wrong with the question."""
        form, entry_point, chain_id, *_ = params
        if method not in (STUB, FINAL):
            raise ValueError(f"the method {method} does not exist")
        if entry_point != str(self.devnet.entry_point) or int(chain_id, 16) != self.devnet.chain_id:
            raise ValueError("only EntryPoint 0.7 of this chain is served")
        priced = {**dict.fromkeys((*_GAS, *_FEES), "0x0"), **form}
        op = user_operation_from_json(priced, EntryPointVersion.V07)
        limits = op.paymaster
        fields = PaymasterFields(
            self.address,
            limits.paymaster_verification_gas_limit if limits else Gas(VERIFICATION_GAS),
            limits.paymaster_post_op_gas_limit if limits else Gas(POST_OP_GAS),
            b"",
        )
        op = with_paymaster(op, fields)
        data = paymaster_data(self.kind, op, self.devnet.chain_id, terms, signed=method == FINAL)
        offer: dict[str, object] = {"paymaster": str(self.address), "paymasterData": "0x" + data.hex()}
        if method == STUB:
            offer["paymasterVerificationGasLimit"] = hex(fields.paymaster_verification_gas_limit)
            offer["paymasterPostOpGasLimit"] = hex(fields.paymaster_post_op_gas_limit)
            offer["sponsor"] = {"name": f"local {self.kind}"}
            offer["isFinal"] = False
        return offer


@asynccontextmanager
async def running_paymasters(
    devnet: Devnet, port: int | None = None
) -> AsyncIterator[Mapping[PaymasterKind, tuple[Address, str]]]:
    """Deploy both paymasters and serve them on 127.0.0.1; give address and URL of each."""
    addresses = await deploy_paymasters(devnet)
    app = web.Application()
    for kind, address in addresses.items():
        app.router.add_post(f"/{kind}", _Handler(PaymasterService(devnet, kind, address)).post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        with held_port(port) as chosen:
            await web.TCPSite(runner, "127.0.0.1", chosen).start()
        yield {kind: (address, f"http://127.0.0.1:{chosen}/{kind}") for kind, address in addresses.items()}
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class _Handler:
    service: PaymasterService

    async def post(self, request: web.Request) -> web.Response:
        question = orjson.loads(await request.read())
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": question.get("id")}
        terms = Terms(await window_end(self.service.devnet))
        try:
            answer["result"] = self.service.answer(question["method"], question["params"], terms)
        except (ValueError, KeyError, TypeError) as error:
            answer["error"] = {"code": -32_602, "message": str(error)[:200]}
        return web.Response(body=orjson.dumps(answer), content_type="application/json")


async def window_end(devnet: Devnet, window_s: int = WINDOW_S) -> Timestamp:
    """Return an end that is ahead of the chain's clock and of the bundler's, which is the wall's."""
    header = await rpc.block(devnet.rpc_url)
    return Timestamp(max(int(header["timestamp"], 16), int(time.time())) + window_s)
