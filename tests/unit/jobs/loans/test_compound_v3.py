"""Compound v3 by the figures of its stand-in: ten ether at 89.5 % against 15,000 USDC."""

from collections.abc import Mapping
from fractions import Fraction

import pytest

from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token
from agent.domain.units import Address, ChainId
from jobs import erc20
from jobs.loans.compound_v3 import Collateral, CompoundV3
from jobs.loans.market import Payment
from jobs.loans.packing import Unreadable
from jobs.loans.position import NO_DEBT, Means, decimal_of, needed
from tests.builders import ACCOUNT, CHAIN_ID, NOW

COMET, BASE, BASE_FEED, WETH, WETH_FEED, OTHER, OTHER_FEED = (
    Address(bytes([number] * 20)) for number in range(1, 8)
)
MARKET = CompoundV3(COMET, BASE, BASE_FEED, (Collateral(WETH, WETH_FEED), Collateral(OTHER, OTHER_FEED)))
PAY = Payment(Means.WALLET, Token("USDC", BASE, 6), 10**12)
ADD = Payment(Means.COLLATERAL, Token("WETH", WETH, 18), 10**20)
DOLLAR = 10**8


def words(*values: int | Address) -> bytes:
    return b"".join(map(erc20.word, values))


def info(asset: Address, feed: Address, factor: int = 895 * 10**15) -> bytes:
    return words(0, asset, feed, 10**18, 825 * 10**15, factor, 95 * 10**16, 2**128 - 1)


def a_view(
    *,
    price: int = 1_700 * DOLLAR,
    owed: int = 15_000 * 10**6,
    changes: Mapping[str, bytes | None] | None = None,
) -> ChainView:
    told: dict[str, bytes | None] = {
        f"374c49b4{ACCOUNT.hex():0>64}": words(owed),
        f"41976e09{BASE_FEED.hex():0>64}": words(DOLLAR),
        f"41976e09{WETH_FEED.hex():0>64}": words(price),
        f"2b92a07d{ACCOUNT.hex():0>64}{WETH.hex():0>64}": words(10 * 10**18, 0),
        f"2b92a07d{ACCOUNT.hex():0>64}{OTHER.hex():0>64}": words(0, 0),
        f"3b3bec2e{WETH.hex():0>64}": info(WETH, WETH_FEED),
        "44c1e5eb": words(10**6),
        "e7dad6bd": words(BASE_FEED),
        "0bc47ad1": words(0),
        **(changes or {}),
    }
    reads = {read for payment in (PAY, ADD) for read in MARKET.position_reads(payment, ACCOUNT)}
    values: dict[Read, bytes | None] = {read: told.get(read.data.hex()) for read in reads}
    for token in (BASE, WETH):
        values[erc20.balance_of(token, ACCOUNT)] = words(10**20)
        values[erc20.allowance(token, ACCOUNT, COMET)] = words(0)
    return ChainView(ChainId(CHAIN_ID), 1, NOW, values)


@pytest.mark.parametrize(("price", "expected"), [(1_700, "1.0143"), (1_600, "0.9546")])
def test_the_health_factor_counts_liquidation_factors(price: int, expected: str) -> None:
    assert decimal_of(MARKET.health(a_view(price=price * DOLLAR), ACCOUNT)) == expected


def test_no_debt_is_no_debt() -> None:
    assert MARKET.health(a_view(owed=0), ACCOUNT) == NO_DEBT


def test_a_collateral_that_the_account_has_none_of_is_not_asked_for_its_price() -> None:
    reads = {read.data.hex() for read in MARKET.health_reads(ACCOUNT)}
    assert f"41976e09{OTHER_FEED.hex():0>64}" in reads
    # It is not answered above, and the health is known all the same.
    assert MARKET.health(a_view(), ACCOUNT)


@pytest.mark.parametrize(
    "changes",
    [
        {f"374c49b4{ACCOUNT.hex():0>64}": None},
        {f"41976e09{BASE_FEED.hex():0>64}": words(0)},
        {f"41976e09{WETH_FEED.hex():0>64}": words(0)},
        {f"41976e09{WETH_FEED.hex():0>64}": None},
        {f"3b3bec2e{WETH.hex():0>64}": info(WETH, OTHER_FEED)},
        {"44c1e5eb": None},
        {"44c1e5eb": words(0)},
        {"e7dad6bd": words(WETH_FEED)},
    ],
)
def test_what_cannot_be_read_is_unknown(changes: Mapping[str, bytes | None]) -> None:
    with pytest.raises(Unreadable):
        MARKET.health(a_view(changes=changes), ACCOUNT)


def test_the_wallet_pays_to_the_target() -> None:
    position = MARKET.position(a_view(price=1_600 * DOLLAR), PAY, ACCOUNT)
    # 15,000 - 10 * 1,600 * 0.895 / 1.2 dollars.
    assert needed(position, Means.WALLET, Fraction(12, 10)) == -(-(15_000 * 12 - 14_320 * 10) * 10**6 // 12)


def test_collateral_counts_by_its_liquidation_factor() -> None:
    position = MARKET.position(a_view(price=1_600 * DOLLAR), ADD, ACCOUNT)
    amount = needed(position, Means.COLLATERAL, Fraction(12, 10))
    assert amount == -(-(18_000 - 14_320) * 1_000 * 10**18 // (895 * 1_600))


def test_a_pause_bars_every_payment() -> None:
    assert MARKET.barred(a_view(), PAY) == ""
    assert MARKET.barred(a_view(changes={"0bc47ad1": words(1)}), PAY) == "supply_paused"


def test_a_collateral_that_stopped_counting_is_not_added() -> None:
    changes = {f"3b3bec2e{WETH.hex():0>64}": info(WETH, WETH_FEED, factor=0)}
    with pytest.raises(Unreadable):
        MARKET.position(a_view(changes=changes), ADD, ACCOUNT)


def test_another_token_is_objected_to() -> None:
    assert MARKET.objection(PAY) == MARKET.objection(ADD) == ""
    assert MARKET.objection(Payment(Means.WALLET, ADD.token, 1))
    assert MARKET.objection(Payment(Means.COLLATERAL, PAY.token, 1))
