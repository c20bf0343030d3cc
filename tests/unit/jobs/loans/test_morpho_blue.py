"""Morpho Blue as its contract counts: interest first, rounding against the borrower."""

from fractions import Fraction

import pytest
from eth_abi.abi import decode, encode

from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token
from agent.domain.units import Address, ChainId
from jobs import erc20
from jobs.loans.market import Payment
from jobs.loans.morpho_blue import MorphoBlue
from jobs.loans.packing import Unreadable
from jobs.loans.position import NO_DEBT, Means, decimal_of, needed, whole
from tests.builders import ACCOUNT, CHAIN_ID, NOW

MORPHO, LOAN, COLLATERAL, ORACLE, IRM = (Address(bytes([number] * 20)) for number in range(1, 6))
MARKET = MorphoBlue(MORPHO, LOAN, COLLATERAL, ORACLE, IRM, 86 * 10**16)
USDC, WETH = Token("USDC", LOAN, 6), Token("WETH", COLLATERAL, 18)
PAY = Payment(Means.WALLET, USDC, 10**12)
ADD = Payment(Means.COLLATERAL, WETH, 10**20)
DOLLARS = 10**6
ETHER_AT_2000 = 2_000 * DOLLARS * 10**36 // 10**18


def results(*parts: bytes) -> bytes:
    return encode(["(bool,bytes)[]"], [[(True, part) for part in parts]])


def a_view(
    *,
    owed: int = 15_000 * DOLLARS,
    collateral: int = 10 * 10**18,
    price: int = ETHER_AT_2000,
    held: int = 0,
    allowance: int = 0,
    answer: bytes | None = b"",
) -> ChainView:
    """Return a market in which a share is worth a millionth of a base unit, as at its start."""
    market = encode(["uint128"] * 6, [10**13, 10**19, owed, owed * 10**6, 0, 0])
    position = encode(["uint256", "uint128", "uint128"], [0, owed * 10**6, collateral])
    told = results(b"", market, position, encode(["uint256"], [price])) if answer == b"" else answer
    (accrued,) = MARKET.health_reads(ACCOUNT)
    values: dict[Read, bytes | None] = {accrued: told}
    for token in (LOAN, COLLATERAL):
        values[erc20.balance_of(token, ACCOUNT)] = erc20.word(held)
        values[erc20.allowance(token, ACCOUNT, MORPHO)] = erc20.word(allowance)
    return ChainView(ChainId(CHAIN_ID), 1, NOW, values)


def test_the_read_accrues_before_it_looks() -> None:
    (read,) = MARKET.health_reads(ACCOUNT)
    assert read.target == erc20.MULTICALL3
    ((accrue, market, position, price),) = decode(["(address,bool,bytes)[]"], read.data[4:])
    params = encode(["address"] * 4 + ["uint256"], [LOAN, COLLATERAL, ORACLE, IRM, 86 * 10**16])
    assert [bytes(part[2]) for part in (accrue, market, position, price)] == [
        bytes.fromhex("151c1ade") + params,
        bytes.fromhex("5c60e39a") + MARKET.market_id,
        bytes.fromhex("93c52062") + MARKET.market_id + erc20.word(ACCOUNT),
        bytes.fromhex("a035b1fe"),
    ]
    # One part that fails makes the whole unknown.
    assert not any(part[1] for part in (accrue, market, position, price))


def test_the_health_factor_is_what_was_measured() -> None:
    assert decimal_of(MARKET.health(a_view(), ACCOUNT)) == "1.1466"
    assert MARKET.health(a_view(), ACCOUNT) == Fraction(17_200, 15_000)


def test_no_shares_are_no_debt() -> None:
    assert MARKET.health(a_view(owed=0), ACCOUNT) == NO_DEBT


@pytest.mark.parametrize(
    "view",
    [
        a_view(answer=None),
        a_view(answer=bytes(31)),
        a_view(answer=results(b"", b"", b"", b"")),
        a_view(answer=results(b"")),
        a_view(answer=(2**256 - 1).to_bytes(32, "big") * 8),
        a_view(price=0),
    ],
)
def test_what_cannot_be_read_is_unknown(view: ChainView) -> None:
    with pytest.raises(Unreadable):
        MARKET.health(view, ACCOUNT)


def test_the_wallet_pays_to_the_target() -> None:
    position = MARKET.position(a_view(price=ETHER_AT_2000 * 88 // 100), PAY, ACCOUNT)
    assert (
        needed(position, Means.WALLET, Fraction(12, 10)) == 15_000 * DOLLARS - 15_136 * DOLLARS * 10 // 12 + 0
    )


def test_collateral_is_priced_by_the_oracle() -> None:
    position = MARKET.position(a_view(price=ETHER_AT_2000 * 88 // 100), ADD, ACCOUNT)
    amount = needed(position, Means.COLLATERAL, Fraction(12, 10))
    # 18,000 - 15,136 dollars of weight at 0.86 and 1,760 dollars.
    assert amount == -(-2_864 * 10**18 * 100 // (86 * 1_760))


def test_all_is_paid_by_shares_under_an_approval_with_a_margin() -> None:
    position = MARKET.position(a_view(held=10**12), PAY, ACCOUNT)
    approve, repay = MARKET.calls(position, PAY, ACCOUNT, whole(position.owed))
    assert int.from_bytes(approve.data[36:68], "big") == 15_015 * DOLLARS
    words = [int.from_bytes(repay.data[at : at + 32], "big") for at in range(4, len(repay.data), 32)]
    assert words[5:7] == [0, 15_000 * DOLLARS * 10**6]


def test_without_room_for_the_margin_it_pays_the_debt_as_it_was_read() -> None:
    position = MARKET.position(a_view(held=10**12), PAY, ACCOUNT)
    *_, repay = MARKET.calls(position, PAY, ACCOUNT, 15_001 * DOLLARS)
    words = [int.from_bytes(repay.data[at : at + 32], "big") for at in range(4, len(repay.data), 32)]
    assert words[5:7] == [15_000 * DOLLARS, 0]


def test_another_token_is_objected_to() -> None:
    assert MARKET.objection(PAY) == MARKET.objection(ADD) == ""
    assert "loan token" in MARKET.objection(Payment(Means.WALLET, WETH, 1))
    assert "collateral" in MARKET.objection(Payment(Means.COLLATERAL, USDC, 1))


@pytest.mark.parametrize("payment", [PAY, ADD])
def test_every_word_of_the_call_is_ruled(payment: Payment) -> None:
    _, need = MARKET.requirements(payment, ACCOUNT, 3)
    *_, possible = MARKET.possible(payment, ACCOUNT)
    assert [rule.offset for rule in need.rules] == list(range(0, len(possible.template.data) - 4, 32))
