"""What a job sends privately reaches no other bundler: not as an estimate, not sent again, not raised."""

import asyncio
from pathlib import Path

import pytest

from agent.devnet.defi.market import Market
from agent.devnet.defi.moves import pass_time
from agent.domain.states import State
from tests.devnet import HAPPENS_WITHIN_S
from tests.integration.proxies import Proxy, proxy
from tests.integration.trading import Order, a_desk

pytestmark = [pytest.mark.devnet, pytest.mark.slow]
SOLD_AT_ONCE = 'limit: "1900 USDC per WETH"'


async def test_a_private_order_is_shown_to_the_private_bundler_alone(market: Market, tmp_path: Path) -> None:
    quiet = Order("quiet", "limit_order", SOLD_AT_ONCE, more="send_by: private\n")
    loud = Order("loud", "limit_order", SOLD_AT_ONCE)
    url = market.devnet.bundler_url
    async with proxy(url) as public, proxy(url, swallows=True) as private:
        desk = await a_desk(market, tmp_path, [quiet, loud], bundler=public.url, private=private.url)
        await desk.look()
        (sold,) = await desk.runs("loud")
        assert sold.state is State.FINAL_OK
        # The private one gives no answer, and nobody else is asked.
        (waiting,) = await desk.runs("quiet")
        assert waiting.state is State.DUE
        assert waiting.user_op_hash is None

        private.swallows = False
        private.swallows_sends = True
        await pass_time(market.devnet, 60)
        looking = asyncio.create_task(desk.look())
        async with asyncio.timeout(HAPPENS_WITHIN_S):
            while not private.params_of("eth_sendUserOperation"):
                await asyncio.sleep(0.2)
        private.swallows_sends = False
        # Sent again while its deadline has not passed.
        await pass_time(market.devnet, 60)
        await looking
        (done,) = await desk.runs("quiet")
        assert (done.state, done.reason) == (State.FINAL_OK, "")
        accounts = {
            order.name: str(desk.traders[order.name].account.address).lower() for order in (quiet, loud)
        }
        assert _senders(public) == {accounts["loud"]}
        assert _senders(private) == {accounts["quiet"]}
        assert len(private.params_of("eth_sendUserOperation")) >= 2


def _senders(asked: Proxy) -> set[str]:
    found = (
        params[0]["sender"].lower()
        for method in ("eth_sendUserOperation", "eth_estimateUserOperationGas")
        for params in asked.params_of(method)
    )
    return set(found)
