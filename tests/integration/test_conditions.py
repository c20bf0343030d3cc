"""Conditions on the market of the local chain: what a manipulated pool moves, and what it does not."""

from collections.abc import AsyncIterator, Mapping
from fractions import Fraction
from typing import Any

import pytest
import pytest_asyncio

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.json_rpc import JsonRpc
from agent.devnet.defi.loans import supply_and_borrow
from agent.devnet.defi.market import ETHER, Market
from agent.devnet.defi.moves import make_feed_stale, pass_time, set_oracle_price, swap
from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token
from agent.domain.units import Address
from agent.domain.watching import NO_MEMORY, Memory
from agent.pipeline.observe import observe
from jobs.conditions.fields import WhenFields
from jobs.conditions.prices import PriceFields, PriceSource, Unknown, refuted
from jobs.conditions.trigger import glance
from jobs.conditions.verdict import FALSE, TRUE, UNKNOWN, Judged
from jobs.erc20 import MULTICALL3
from jobs.fields import FieldContext
from tests.builders import ACCOUNT
from tests.devnet import a_nexus_account

pytestmark = pytest.mark.devnet
DOLLAR = 10**8


class Watched:
    """The market through the reader that the agent has."""

    def __init__(self, market: Market, reader: ChainRpc) -> None:
        self.market = market
        self.weth, self.usdc = Token("WETH", market.weth, 18), Token("USDC", market.usdc, 6)
        self.context = FieldContext({"WETH": self.weth, "USDC": self.usdc})
        self._reader = reader

    def source(self, **fields: Any) -> PriceSource:  # noqa: ANN401 - a source as a file has it
        found = PriceFields.model_validate(fields, context=self.context)
        return found.source(self.weth, self.usdc)

    async def view(self, reads: tuple[Read, ...]) -> ChainView:
        return await observe(self._reader, reads, await self._reader.block("latest"))

    async def price(self, source: PriceSource) -> Fraction | Unknown:
        """Return dollars for an ether."""
        claims = source.claims()
        assert refuted(claims, await self.view(tuple(claim.read for claim in claims))) is None
        price = source.price(await self.view(source.reads()))
        return price if isinstance(price, Unknown) else price * 10**12

    async def judged(self, tree: Mapping[str, Any], account: Address = ACCOUNT) -> Judged:
        when = WhenFields.model_validate(tree, context=self.context)
        condition = when.condition(account)
        return condition.judge(await self.view(condition.reads()), NO_MEMORY)

    def feed(self, max_age: str = "1h") -> dict[str, Any]:
        eth, usdc = self.market.eth_usd.proxy, self.market.usdc_usd.proxy
        return {
            "chainlink": {
                "feed": str(eth),
                "decimals": "8",
                "max_age": max_age,
                "over": {"feed": str(usdc), "decimals": "8", "max_age": "1d"},
            }
        }

    def twap(self, window: str = "30m") -> dict[str, Any]:
        return {"uniswap_v3_twap": {"pool": str(self.market.pool_3000.address), "window": window}}

    def spot(self) -> dict[str, Any]:
        return {"uniswap_v3_spot": {"pool": str(self.market.pool_3000.address)}}


@pytest_asyncio.fixture
async def watched(market_snapshot: Market) -> AsyncIterator[Watched]:
    rpc = JsonRpc(market_snapshot.devnet.rpc_url)
    yield Watched(market_snapshot, ChainRpc(market_snapshot.devnet.chain_id, [rpc], multicall=MULTICALL3))
    await rpc.close()


def below(level: int, source: Mapping[str, Any], **more: str) -> dict[str, Any]:
    return {"price": {"of": "WETH", "below": f"{level} USDC", "source": source, **more}}


async def test_every_source_says_two_thousand(watched: Watched) -> None:
    market = watched.market
    selling = {"quoter": str(market.v3.quoter), "amount": "1 WETH", "fees": ["3000"]}
    buying = {**selling, "amount": "2000 USDC"}
    through = {**selling, "fees": ["3000", "500"], "via": [str(market.usdc)]}
    exact = [
        watched.source(**watched.feed()),
        watched.source(uniswap_v2_spot={"pair": str(market.pair)}),
    ]
    assert [await watched.price(source) for source in exact] == [2000, 2000]
    twap, spot = watched.source(**watched.twap()), watched.source(**watched.spot())
    for found in (await watched.price(twap), await watched.price(spot)):
        assert isinstance(found, Fraction)
        assert abs(found - 2000) < Fraction(1, 5)
    sold = await watched.price(watched.source(uniswap_v3_quote=selling))
    bought = await watched.price(watched.source(uniswap_v3_quote=buying))
    sold_v2 = await watched.price(
        watched.source(uniswap_v2_quote={"router": str(market.v2.router), "amount": "1 WETH"})
    )
    assert isinstance(sold, Fraction)
    assert isinstance(bought, Fraction)
    assert isinstance(sold_v2, Fraction)
    # 0.3 % of fee, and some of slippage.
    assert 1990 < sold < 1994
    assert 2006 < bought < 2010
    assert 1990 < sold_v2 < 1994
    # A route that goes through its own end is no route.
    assert isinstance(await watched.price(watched.source(uniswap_v3_quote=through)), Unknown)


async def test_the_mean_is_that_of_the_ticks_floored(watched: Watched) -> None:
    found = await watched.price(watched.source(**watched.twap()))
    assert isinstance(found, Fraction)
    # One tick is a hundredth of a percent; the pool stands inside the one that 2000 lies in.
    assert round(float(found), 2) in {1999.84, 2000.04}


async def test_a_manipulated_spot_price_fires_no_stop_that_looks_elsewhere(watched: Watched) -> None:
    await swap(watched.market, watched.market.pool_3000, watched.market.weth, 300 * ETHER)
    await pass_time(watched.market.devnet, 12)
    agreed = {"agreed": {"first": watched.spot(), "second": watched.feed(), "max_deviation_bps": "100"}}
    verdicts = {
        "spot": await watched.judged(below(1900, watched.spot(), accept_spot="true")),
        "twap": await watched.judged(below(1900, watched.twap())),
        "feed": await watched.judged(below(1900, watched.feed())),
        "agreed": await watched.judged(below(1900, agreed)),
    }
    assert {name: found.verdict for name, found in verdicts.items()} == {
        "spot": TRUE, "twap": FALSE, "feed": FALSE, "agreed": UNKNOWN,
    }  # fmt: skip
    assert verdicts["agreed"].code == "prices_disagree"
    twap = await watched.price(watched.source(**watched.twap()))
    assert isinstance(twap, Fraction)
    # The longer a slow machine takes, the lower; after four minutes at the other price it would fire.
    assert 1900 < twap < 1999


async def test_a_flapping_feed_fires_once_per_crossing(watched: Watched) -> None:
    tree = below(1800, watched.feed(), rearm="1900 USDC")
    when = WhenFields.model_validate(tree, context=watched.context)
    condition, fired = when.condition(ACCOUNT), []
    memory: Memory = NO_MEMORY
    for price in (1850, 1799, 1801, 1400, 1850, 1900, 1700):
        await set_oracle_price(watched.market, price * DOLLAR)
        seen = glance(condition, await watched.view(condition.reads()), memory)
        memory = seen.memory
        fired += [price] if seen.fires else []
    assert fired == [1799, 1700]


async def test_what_is_stale_or_forgotten_is_unknown(watched: Watched) -> None:
    await make_feed_stale(watched.market, 7_200)
    for source, code in ((watched.feed(), "price_stale"), (watched.twap("1000d"), "price_unreadable")):
        found = await watched.judged(below(99_999, source))
        assert (found.verdict, found.code) == (UNKNOWN, code)


async def test_claims_that_the_chain_refutes_are_named(watched: Watched) -> None:
    wrong = watched.feed()
    wrong["chainlink"]["decimals"] = "18"
    for fields, what in (
        (wrong, "decimals"),
        ({"uniswap_v3_spot": {"pool": str(watched.market.eth_usd.proxy)}}, "token0"),
    ):
        claims = watched.source(**fields).claims()
        found = refuted(claims, await watched.view(tuple(claim.read for claim in claims)))
        assert found is not None
        assert found.why.startswith(what)


async def test_a_loan_a_balance_and_any_call(watched: Watched) -> None:
    market = watched.market
    account = await a_nexus_account(market.devnet)
    await supply_and_borrow(market, account)
    loan = {"loan": {"aave_v3": {"pool": str(market.aave.pool)}}}
    ask = {"to": str(market.aave.oracle), "function": "getAssetPrice(address)(uint256)"}
    trees: list[tuple[dict[str, Any], object]] = [
        ({"health_factor": {**loan, "below": "1.11"}}, TRUE),
        ({"health_factor": {**loan, "below": "1.09"}}, FALSE),
        ({"health_factor": {**loan, "below": "99", "of": str(market.pair)}}, FALSE),
        ({"balance": {"above": "15000 USDC"}}, TRUE),
        ({"balance": {"above": "15000.000001 USDC"}}, FALSE),
        ({"call": {**ask, "arguments": [str(market.weth)], "below": "200000000000"}}, TRUE),
        ({"call": {"to": str(market.pair), "function": "token0()(address)", "is_not": "account"}}, TRUE),
        ({"call": {"to": str(market.weth), "function": "nothing()(bool)", "is": "true"}}, UNKNOWN),
    ]
    assert [(await watched.judged(tree, account.address)).verdict for tree, _ in trees] == [
        expected for _, expected in trees
    ]
    # A dead oracle makes the pool revert: what nobody can tell is no health.
    await set_oracle_price(market, 0)
    assert (await watched.judged(trees[0][0], account.address)).verdict is UNKNOWN
