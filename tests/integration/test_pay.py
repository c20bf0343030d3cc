"""A subscription is paid on the local chain: files in, one transfer per period out."""

from pathlib import Path

from agent.cli.loading import load_definitions, settings_for
from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.domain.units import Timestamp
from agent.erc7579.accounts import AccountKind
from agent.service import serve_worker
from tests.integration.kinds import every_kind
from tests.operator import PAYEE, Operator, an_operator

DAY_S = 86_400

RENT = """\
id: rent
kind: subscription
chain: 31337
account: "{account}"
session: main
schedule: {interval: 1d, anchor: "ANCHOR"}
spec: {amount: "10 USDC", payee: "{payee}"}
grace: 6h
"""


async def run_once(operator: Operator) -> None:
    settings = settings_for(operator.config)
    definitions = load_definitions(settings)
    await serve_worker(settings, definitions, once=True, on_started=lambda _: None)


@every_kind
async def test_each_period_is_paid_once(devnet: Devnet, tmp_path: Path, kind: AccountKind) -> None:
    job = RENT.replace("ANCHOR", "2020-01-01T00:00:00Z")
    operator = await an_operator(devnet, tmp_path, [job], kind=kind)
    before = await token_balance(devnet, devnet.usdc, PAYEE)
    await run_once(operator)

    for period in range(1, 4):
        now = await chain.block_time(devnet)
        await chain.move_time_to(devnet, Timestamp((now // DAY_S + 1) * DAY_S + 60))
        await run_once(operator)

        paid = await token_balance(devnet, devnet.usdc, PAYEE) - before
        assert paid == period * 10_000_000
