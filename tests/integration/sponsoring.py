"""Paymaster services on the local chain whose answers a test may bend, and operators who use them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from eth_abi.abi import encode

from agent.devnet.accounts import send_as_owner
from agent.devnet.devnet import Devnet
from agent.devnet.paymaster_server import FINAL, STUB, PaymasterService, window_end
from agent.devnet.paymasters import PaymasterKind, Terms, deploy_paymasters
from agent.devnet.tokens import set_balance
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Timestamp, Wei
from tests.integration.paying import due_jobs
from tests.operator import Operator, an_operator

Answer = dict[str, Any]
Bend = Callable[[str, Answer], object]
"""Takes a method and the honest result, returns what is answered in its place; bytes are sent as they are."""
_APPROVE = keccak256(b"approve(address,uint256)")[:4]


class Refuses(Exception):
    """Raised by a bend: the service answers with a JSON-RPC error."""


def honest(method: str, result: Answer) -> object:
    """Answer as it should."""
    del method
    return result


@dataclass(frozen=True)
class Endpoint:
    """A service that is there already."""

    address: Address
    url: str


@dataclass
class Service:
    """A service of one paymaster contract."""

    behind: PaymasterService
    url: str
    bend: Bend = honest
    valid_until: Timestamp | None = None
    asked: list[str] = field(default_factory=list)
    """Methods, in order."""

    @property
    def address(self) -> Address:
        """The paymaster contract."""
        return self.behind.address

    async def post(self, request: web.Request) -> web.Response:
        """Answer one question."""
        question = orjson.loads(await request.read())
        self.asked.append(question["method"])
        answer: Answer = {"jsonrpc": "2.0", "id": question["id"]}
        terms = Terms(self.valid_until or await window_end(self.behind.devnet))
        try:
            result = self.bend(
                question["method"], self.behind.answer(question["method"], question["params"], terms)
            )
            if isinstance(result, bytes):
                return web.Response(body=result)
            answer["result"] = await result if asyncio.iscoroutine(result) else result
        except Refuses as refusal:
            answer["error"] = {"code": -32_000, "message": str(refusal)}
        return web.Response(body=orjson.dumps(answer), content_type="application/json")


@asynccontextmanager
async def services(devnet: Devnet, *kinds: PaymasterKind) -> AsyncIterator[list[Service]]:
    """Run a service for each kind named, on 127.0.0.1."""
    addresses = await deploy_paymasters(devnet)
    app, found = web.Application(), []
    for number, kind in enumerate(kinds):
        found.append(Service(PaymasterService(devnet, kind, addresses[kind]), f"/{number}"))
        app.router.add_post(found[-1].url, found[-1].post)
    # A bend that is slow on purpose is not waited for.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for service in found:
        service.url = f"http://127.0.0.1:{runner.addresses[0][1]}{service.url}"
    try:
        yield found
    finally:
        await runner.cleanup()


CAPS: Mapping[str, str] = {"max_cost": "0.5 ether", "max_cost_per_day": "5 ether", "timeout": "60s"}


async def sponsored_operator(
    devnet: Devnet,
    folder: Path,
    paymasters: Mapping[str, Service | Endpoint],
    *,
    jobs: tuple[str, ...] = ("rent",),
    pay_gas_by: str = "first, second",
    terms: str = "",
    caps: Mapping[str, str] | None = None,
    caps_of: Mapping[str, Mapping[str, str]] | None = None,
    more: str = "",
    funds_wei: int = 0,
    permit_paymaster: bool = True,
) -> Operator:
    """Make an operator whose jobs are paid by these paymasters; its account has USDC and `funds_wei`."""
    lines = f"\npay_gas_by: [{pay_gas_by}]\n{terms}\n"
    files = [job.rstrip() + lines for job in due_jobs(jobs)]
    operator = await an_operator(devnet, folder, files, permit_paymaster=permit_paymaster)
    text = operator.config.read_text()
    entries = [
        f"      {name}:\n        url: {service.url}\n        addresses: ['{service.address}']\n"
        + "".join(
            f'        {key}: "{value}"\n'
            for key, value in {**CAPS, **(caps or {}), **(caps_of or {}).get(name, {})}.items()
        )
        + more
        for name, service in paymasters.items()
    ]
    operator.config.write_text(text.replace("keys:", "    paymasters:\n" + "".join(entries) + "keys:", 1))
    await set_balance(devnet, operator.account.address, Wei(funds_wei))
    return operator


async def approve(operator: Operator, spender: Address, amount: int) -> None:
    """Let a spender take USDC from the account, by its owner."""
    devnet = operator.devnet
    await set_balance(devnet, operator.account.address, Wei(10**18))
    call = Call(devnet.usdc, Wei(0), _APPROVE + encode(["address", "uint256"], [spender, amount]))
    await send_as_owner(devnet, operator.account, [call])
    await set_balance(devnet, operator.account.address, Wei(0))


def only_in(method: str, change: Callable[[Answer], object]) -> Bend:
    """Bend the answers to one method."""
    return lambda asked, result: change(result) if asked == method else result


IN_STUB, IN_FINAL = STUB, FINAL
