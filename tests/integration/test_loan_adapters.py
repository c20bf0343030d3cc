"""What the adapters read and call is what the lending contracts hold and do, without a worker in between."""

from collections.abc import Sequence
from fractions import Fraction

import pytest

from agent.devnet import chain
from agent.devnet.accounts import send_as_owner
from agent.devnet.defi import comet, morpho
from agent.devnet.defi.aave import account_data, variable_debt
from agent.devnet.defi.calls import abi_call, approve_call
from agent.devnet.defi.chainlink import DOLLAR
from agent.devnet.defi.loans import BORROWED, give_weth
from agent.devnet.defi.market import ETHER, USDC, Market
from agent.devnet.defi.moves import pass_time, set_oracle_price
from agent.devnet.devnet import Devnet
from agent.devnet.errors import ChainCallError
from agent.devnet.tokens import mint_usdc
from agent.devnet.transactions import read
from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token
from jobs.loans.aave_v3 import AaveV3
from jobs.loans.compound_v3 import Collateral, CompoundV3
from jobs.loans.market import LoanMarket, Payment
from jobs.loans.morpho_blue import MorphoBlue
from jobs.loans.packing import Unreadable
from jobs.loans.position import NO_DEBT, Means, health_after, needed, whole
from tests.integration.lending import (
    HF,
    Borrower,
    a_comet_borrower,
    a_morpho_borrower,
    an_aave_borrower,
)
from tests.market import calm_morpho

pytestmark = pytest.mark.devnet
TARGET = Fraction(12, 10)


async def seen(devnet: Devnet, reads: Sequence[Read]) -> ChainView:
    """Read at the latest block."""
    values: dict[Read, bytes | None] = {}
    for item in reads:
        try:
            values[item] = await read(devnet.rpc_url, item.target, item.data) or None
        except ChainCallError:
            values[item] = None
    number = await chain.block_number(devnet)
    return ChainView(devnet.chain_id, number, await chain.block_time(devnet), values)


async def health_of(devnet: Devnet, lender: LoanMarket, borrower: Borrower) -> Fraction:
    owner = borrower.account.address
    return lender.health(await seen(devnet, lender.health_reads(owner)), owner)


async def pay(
    devnet: Devnet, lender: LoanMarket, payment: Payment, borrower: Borrower, *, everything: bool = False
) -> Fraction:
    """Pay in what the target needs, or the whole debt; return the health factor that was predicted."""
    owner = borrower.account.address
    view = await seen(devnet, lender.position_reads(payment, owner))
    position = lender.position(view, payment, owner)
    amount = whole(position.owed) if everything else needed(position, payment.means, TARGET)
    await send_as_owner(devnet, borrower.account, lender.calls(position, payment, owner, amount))
    return health_after(position, payment.means, amount)


def aave_of(market: Market) -> AaveV3:
    aave = market.aave
    return AaveV3(aave.pool, aave.provider, aave.oracle, aave.data_provider)


def comet_of(market: Market) -> CompoundV3:
    collateral = Collateral(market.weth, market.eth_usd.proxy)
    return CompoundV3(market.comet.address, market.usdc, market.usdc_usd.proxy, (collateral,))


def usdc_of(market: Market, means: Means = Means.WALLET) -> Payment:
    return Payment(means, Token("USDC", market.usdc, 6), 10**12)


def weth_of(market: Market) -> Payment:
    return Payment(Means.COLLATERAL, Token("WETH", market.weth, 18), 10**21)


async def test_aave_by_its_known_figures(market_snapshot: Market) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    lender, borrower = aave_of(market), await an_aave_borrower(market)
    await set_oracle_price(market, 1_860 * DOLLAR)
    owner = borrower.account.address
    told = await account_data(devnet, market.aave, owner)
    assert await health_of(devnet, lender, borrower) == Fraction(told.health_factor, HF)
    assert float(Fraction(told.health_factor, HF)) == pytest.approx(1.023, rel=1e-6)
    position = lender.position(
        await seen(devnet, lender.position_reads(usdc_of(market), owner)), usdc_of(market), owner
    )
    assert needed(position, Means.WALLET, TARGET) == pytest.approx(2_212_500_000, rel=1e-6)
    assert await pay(devnet, lender, usdc_of(market), borrower) >= TARGET
    after = (await account_data(devnet, market.aave, owner)).health_factor
    assert after == pytest.approx(1.2 * HF, rel=1e-6)
    # More than the debt is clamped to it.
    await mint_usdc(devnet, owner, 1_000 * USDC)
    await pay(devnet, lender, usdc_of(market), borrower, everything=True)
    assert await variable_debt(devnet, market.aave, market.usdc, owner) == 0
    assert await health_of(devnet, lender, borrower) == NO_DEBT


async def test_aave_tells_no_health_without_a_price_and_another_oracle_is_noticed(
    market_snapshot: Market,
) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    lender, borrower = aave_of(market), await an_aave_borrower(market)
    owner = borrower.account.address
    moved = AaveV3(lender.pool, lender.addresses_provider, market.weth, lender.data_provider)
    with pytest.raises(Unreadable):
        moved.barred(await seen(devnet, moved.state_reads(usdc_of(market), owner)), usdc_of(market))
    await set_oracle_price(market, 0)
    with pytest.raises(Unreadable):
        await health_of(devnet, lender, borrower)


async def test_morpho_counts_interest_before_it_is_booked(market_snapshot: Market) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    blue = await calm_morpho(market)
    lender = MorphoBlue(blue.address, blue.loan_token, blue.collateral, blue.oracle, blue.irm, blue.lltv)
    assert lender.market_id == blue.market_id
    borrower = await a_morpho_borrower(market, blue)
    assert float(await health_of(devnet, lender, borrower)) == pytest.approx(1.1467, rel=1e-4)
    await morpho.set_price(devnet, blue, 1_760 * USDC)
    await pass_time(devnet, 10 * 24 * 3600)
    owner = borrower.account.address
    booked = await morpho.health_factor(devnet, blue, owner)
    health = await health_of(devnet, lender, borrower)
    # The contract has not booked ten days of interest yet; the look has.
    assert health < Fraction(booked, HF)
    assert float(health) == pytest.approx(1.0090, rel=5e-4)
    assert await pay(devnet, lender, usdc_of(market), borrower) >= TARGET
    assert await morpho.health_factor(devnet, blue, owner) == pytest.approx(1.2 * HF, rel=1e-6)


async def test_all_of_a_morpho_debt_goes_by_shares(market_snapshot: Market) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    blue = await calm_morpho(market)
    lender = MorphoBlue(blue.address, blue.loan_token, blue.collateral, blue.oracle, blue.irm, blue.lltv)
    borrower = await a_morpho_borrower(market, blue)
    await mint_usdc(devnet, borrower.account.address, 1_000 * USDC)
    await pay(devnet, lender, usdc_of(market), borrower, everything=True)
    assert (await morpho.position(devnet, blue, borrower.account.address)).borrow_shares == 0
    assert await health_of(devnet, lender, borrower) == NO_DEBT
    # An oracle that answers zero tells nothing.
    await morpho.set_price(devnet, blue, 0)
    with pytest.raises(Unreadable):
        await health_of(devnet, lender, borrower)
    await morpho.set_price(devnet, blue, 2_000 * USDC)


async def test_a_pause_and_the_whole_debt_of_the_comet_stand_in(market_snapshot: Market) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    lender, borrower = comet_of(market), await a_comet_borrower(market)
    owner = borrower.account.address
    await set_oracle_price(market, 1_600 * DOLLAR)
    assert float(await health_of(devnet, lender, borrower)) == pytest.approx(0.9547, rel=1e-3)
    assert await pay(devnet, lender, usdc_of(market), borrower) >= TARGET
    assert float(await health_of(devnet, lender, borrower)) == pytest.approx(1.2, rel=1e-6)
    await mint_usdc(devnet, owner, 1_000 * USDC)
    await pay(devnet, lender, usdc_of(market), borrower, everything=True)
    # What interest added meanwhile stays; nothing was lent.
    assert await comet.debt(devnet, market.comet, owner) < BORROWED // 10_000
    state = lender.state_reads(usdc_of(market), owner)
    assert lender.barred(await seen(devnet, state), usdc_of(market)) == ""
    paused = True
    pause = abi_call(market.comet.address, "setSupplyPaused(bool)", paused)
    await send_as_owner(devnet, borrower.account, [pause])
    assert lender.barred(await seen(devnet, state), usdc_of(market)) == "supply_paused"


@pytest.mark.parametrize("protocol", ["aave_v3", "morpho_blue", "compound_v3"])
async def test_added_collateral_counts_as_predicted(market_snapshot: Market, protocol: str) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    if protocol == "aave_v3":
        lender: LoanMarket = aave_of(market)
        borrower = await an_aave_borrower(market)
    elif protocol == "compound_v3":
        lender, borrower = comet_of(market), await a_comet_borrower(market)
    else:
        blue = await calm_morpho(market)
        lender = MorphoBlue(blue.address, blue.loan_token, blue.collateral, blue.oracle, blue.irm, blue.lltv)
        borrower = await a_morpho_borrower(market, blue)
    await give_weth(market, borrower.account.address, 5 * ETHER)
    # An approval that somebody left behind changes nothing.
    spender = getattr(lender, {"aave_v3": "pool", "morpho_blue": "morpho", "compound_v3": "comet"}[protocol])
    await send_as_owner(devnet, borrower.account, [approve_call(market.weth, spender, 5)])
    assert await pay(devnet, lender, weth_of(market), borrower) >= TARGET
    assert float(await health_of(devnet, lender, borrower)) == pytest.approx(1.2, rel=1e-6)
