"""Call data packed by hand is what the ABI encoder makes of the contracts' signatures."""

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.token import Token
from agent.domain.units import UINT256_MAX, Address
from jobs.loans.aave_v3 import AaveV3
from jobs.loans.approval import approvals
from jobs.loans.compound_v3 import Collateral, CompoundV3
from jobs.loans.market import LoanMarket, Payment
from jobs.loans.morpho_blue import MorphoBlue
from jobs.loans.position import Means, Position, whole
from tests.unit.jobs.loans.test_position import a_position

ADDRESSES = st.binary(min_size=20, max_size=20).map(Address)
AMOUNTS = st.integers(1, 2**128)
PARAMS = "(address,address,address,address,uint256)"


def abi(signature: str, types: list[str], *values: object) -> bytes:
    return keccak256(signature.encode())[:4] + encode(types, values)


def last_call(
    market: LoanMarket, payment: Payment, account: Address, position: Position, amount: int
) -> Call:
    calls = market.calls(position, payment, account, amount)
    assert calls[-1].value_wei == 0
    return calls[-1]


@given(ADDRESSES, ADDRESSES, ADDRESSES, AMOUNTS)
def test_aave_calls(pool: Address, asset: Address, account: Address, amount: int) -> None:
    market, token = AaveV3(pool, pool, pool, pool), Token("T", asset, 6)
    signatures = {
        Means.WALLET: ("repay(address,uint256,uint256,address)", (asset, amount, 2, account)),
        Means.ATOKENS: ("repayWithATokens(address,uint256,uint256)", (asset, amount, 2)),
        Means.COLLATERAL: ("supply(address,uint256,address,uint16)", (asset, amount, account, 0)),
    }
    for means, (signature, values) in signatures.items():
        found = last_call(market, Payment(means, token, amount), account, a_position(), amount)
        types = signature[signature.index("(") + 1 : -1].split(",")
        assert (found.target, found.data) == (pool, abi(signature, types, *values))


@given(st.lists(ADDRESSES, min_size=6, max_size=6), AMOUNTS, AMOUNTS)
def test_morpho_calls(addresses: list[Address], amount: int, owed: int) -> None:
    morpho, loan, collateral, oracle, irm, account = addresses
    market = MorphoBlue(morpho, loan, collateral, oracle, irm, 86 * 10**16)
    params = (loan, collateral, oracle, irm, 86 * 10**16)
    assert market.market_id == keccak256(encode([PARAMS], [params]))
    shares = owed * 10**6
    position = a_position(owed=owed, shares=shares)
    payment = Payment(Means.WALLET, Token("L", loan, 6), max(amount, whole(owed)))
    found = last_call(market, payment, account, position, amount)
    assets = (0, shares) if amount >= whole(owed) else (min(amount, owed), 0)
    types = [PARAMS, "uint256", "uint256", "address", "bytes"]
    assert found.target == morpho
    assert found.data == abi(
        f"repay({PARAMS},uint256,uint256,address,bytes)", types, params, *assets, account, b""
    )
    adding = Payment(Means.COLLATERAL, Token("C", collateral, 18), amount)
    found = last_call(market, adding, account, a_position(owed=0), amount)
    types = [PARAMS, "uint256", "address", "bytes"]
    assert found.data == abi(
        f"supplyCollateral({PARAMS},uint256,address,bytes)", types, params, amount, account, b""
    )


@given(ADDRESSES, ADDRESSES, ADDRESSES, AMOUNTS)
def test_comet_calls(comet: Address, base: Address, account: Address, amount: int) -> None:
    market = CompoundV3(comet, base, base, (Collateral(base, base),))
    payment = Payment(Means.WALLET, Token("B", base, 6), amount)
    position = a_position(owed=10**20)
    found = last_call(market, payment, account, position, amount)
    # Never above the debt: the rest would be lent.
    exact = min(amount, 10**20)
    assert (found.target, found.data) == (
        comet,
        abi("supply(address,uint256)", ["address", "uint256"], base, exact),
    )


@pytest.mark.parametrize(
    ("allowed", "expected"), [(0, [100]), (99, [0, 100]), (100, []), (UINT256_MAX, []), (1, [0, 100])]
)
def test_an_approval_is_sized_to_the_payment(allowed: int, expected: list[int]) -> None:
    token, spender = Address(bytes([1] * 20)), Address(bytes([2] * 20))
    signature, types = "approve(address,uint256)", ["address", "uint256"]
    wanted = [Call(token, 0, abi(signature, types, spender, amount)) for amount in expected]  # type: ignore[arg-type]
    assert list(approvals(token, spender, 100, allowed)) == wanted
