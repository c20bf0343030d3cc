"""The services that `devnet up` brings sponsor whatever they are asked about, and the doctor knows them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.commands.doctor import Patient, examine
from agent.commands.finding import Finding, Level
from agent.devnet import rpc
from agent.devnet.devnet import Devnet
from agent.devnet.paymaster_server import running_paymasters
from agent.devnet.paymasters import PaymasterKind
from agent.domain.errors import StoreUnavailable
from agent.ports import Journal
from tests.integration.paying import paying
from tests.integration.sponsoring import Endpoint, approve, sponsored_operator
from tests.operator import Operator

pytestmark = pytest.mark.devnet
STRANGER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
FEE = """\
        token_fee: {max_rate: "3000 USDC", max_fee: "50 USDC", max_fee_per_day: "100 USDC"}
"""


def no_store() -> Journal:
    raise StoreUnavailable("not looked at here")


async def findings(operator: Operator) -> Mapping[str, Finding]:
    """Return what the doctor finds of an operator's chain and sessions, by name."""
    async with paying(operator) as work:
        world = work.world
        patient = Patient(world.definitions, world.chains, {}, no_store, None, 1)
        return {finding.name: finding for finding in await examine(patient)}


@pytest.mark.parametrize("kind", PaymasterKind)
async def test_both_local_services_pay(devnet: Devnet, tmp_path: Path, kind: PaymasterKind) -> None:
    async with running_paymasters(devnet) as local:
        address, url = local[kind]
        more = FEE if kind is PaymasterKind.TOKEN else ""
        operator = await sponsored_operator(
            devnet, tmp_path, {"local": Endpoint(address, url)}, pay_gas_by="local", more=more
        )
        await approve(operator, address, 80_000_000 if more else 0)
        async with paying(operator) as work:
            assert await work.included(operator, await work.pay("rent"))


async def test_a_local_service_says_what_it_does_not_serve(devnet: Devnet) -> None:
    async with running_paymasters(devnet) as local:
        _, url = local[PaymasterKind.VERIFYING]
        for method, params in (
            ("pm_getPaymasterData", [{}, str(devnet.entry_point), "0x7a69", {}]),
            ("pm_getPaymasterData", [{}, str(devnet.usdc), "0x7a69", {}]),
            ("pm_sponsorUserOperation", [{}, str(devnet.entry_point), "0x7a69", {}]),
        ):
            (answer,) = await rpc.batch_answers(url, [rpc.Request(method, tuple(params))])
            assert answer["error"]["code"] == -32_602


async def test_the_doctor_looks_at_paymasters_and_asks_sponsored_accounts_for_no_gas(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with running_paymasters(devnet) as local:
        address, url = local[PaymasterKind.VERIFYING]
        operator = await sponsored_operator(
            devnet, tmp_path, {"local": Endpoint(address, url)}, pay_gas_by="local"
        )
        found = await findings(operator)
        assert found["session main gas funds"].level is Level.OK
        assert found["chain 31337 paymaster local"].level is Level.OK
        text = operator.config.read_text()
        operator.config.write_text(text.replace('max_cost: "0.5 ether"', 'max_cost: "900 ether"'))
        text = operator.config.read_text().replace('per_day: "5 ether"', 'per_day: "900 ether"')
        operator.config.write_text(text)
        assert (await findings(operator))["chain 31337 paymaster local"].level is Level.WARN
        operator.config.write_text(text.replace(str(address), STRANGER))
        assert (await findings(operator))["chain 31337 paymaster local"].level is Level.FAIL
