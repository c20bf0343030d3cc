"""What a made-up Aave v3 market answers: ten ether against 15,000 USDC, as on the local chain."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token, TokenAmount
from agent.domain.units import UINT256_MAX, Address, ChainId
from jobs import erc20
from jobs.loan_repay_spec import LoanRepaySpec
from jobs.loans.aave_v3 import (
    ACCOUNT_DATA,
    ASSET_PRICE,
    CONFIGURATION,
    DATA_PROVIDER_OF,
    EMODE_CATEGORY,
    ORACLE_OF,
    POOL_OF,
    RESERVE_EMODE,
    USER_EMODE,
    USER_RESERVE,
    AaveV3,
)
from jobs.loans.fields import AaveV3Fields, FreshFields, LoanFields, parse_ratio
from jobs.loans.packing import packed
from jobs.loans.position import Means
from tests.builders import ACCOUNT, CHAIN_ID, NOW

POOL, PROVIDER, ORACLE, DATA = (Address(bytes([number] * 20)) for number in range(1, 5))
MARKET = AaveV3(POOL, PROVIDER, ORACLE, DATA)
USDC = Token("USDC", Address(bytes(19) + b"\xcc"), 6)
WETH = Token("WETH", Address(bytes(19) + b"\xee"), 18)
DOLLAR = 10**8
ACTIVE, FROZEN, PAUSED = 1 << 56, 1 << 57, 1 << 60


@dataclass(frozen=True)
class Chain:
    """The market's state, in the units of its contracts."""

    collateral: int = 18_600 * DOLLAR
    debt: int = 15_000 * DOLLAR
    threshold_bps: int = 8_250
    health: int = 1_023 * 10**15
    price: int = DOLLAR
    flags: int = ACTIVE
    reserve_threshold_bps: int = 8_000
    lent: int = 0
    owed: int = 15_000 * 10**6
    is_collateral: bool = False
    held: int = 20_000 * 10**6
    allowance: int = 0
    emode: int = 0
    reserve_emode: int | None = 0
    emode_threshold_bps: int = 9_300
    emode_price_source: int = 0
    oracle: Address = ORACLE

    def with_(self, **changes: object) -> "Chain":
        return replace(self, **changes)  # type: ignore[arg-type]


def words(*values: int | Address) -> bytes:
    return b"".join(map(erc20.word, values))


def answers(chain: Chain, token: Token = USDC) -> dict[Read, bytes | None]:
    """Return the answers to every read of a market about one token."""
    assert token.address is not None
    asset = token.address
    flags = chain.flags | token.decimals << 48 | chain.reserve_threshold_bps << 16
    user = (chain.lent, 0, chain.owed, 0, chain.owed, 0, 0, 0, int(chain.is_collateral))
    category = (0x20, 9_000, chain.emode_threshold_bps, 10_200, chain.emode_price_source, 0xA0, 0)
    found = {
        (POOL, packed(ACCOUNT_DATA, ACCOUNT)): words(
            chain.collateral, chain.debt, 0, chain.threshold_bps, 8_000, chain.health
        ),
        (POOL, packed(CONFIGURATION, asset)): words(flags),
        (DATA, packed(USER_RESERVE, asset, ACCOUNT)): words(*user),
        (ORACLE, packed(ASSET_PRICE, asset)): words(chain.price),
        (POOL, packed(USER_EMODE, ACCOUNT)): words(chain.emode),
        (DATA, packed(RESERVE_EMODE, asset)): (
            None if chain.reserve_emode is None else words(chain.reserve_emode)
        ),
        (POOL, packed(EMODE_CATEGORY, 1)): words(*category),
        (PROVIDER, POOL_OF): words(POOL),
        (PROVIDER, ORACLE_OF): words(chain.oracle),
        (PROVIDER, DATA_PROVIDER_OF): words(DATA),
    }
    reads = MARKET.position_reads(a_spec(token=token).payment, ACCOUNT)
    by_call = {(read.target, read.data): read for read in reads}
    told = {by_call[place]: answer for place, answer in found.items() if place in by_call}
    balance, allowance = erc20.balance_of(asset, ACCOUNT), erc20.allowance(asset, ACCOUNT, POOL)
    return {**told, balance: words(chain.held), allowance: words(chain.allowance)}


def a_view(
    values: Mapping[Read, bytes | None],
    *,
    left: Mapping[str, int] | None = None,
    intent: Mapping[str, str] | None = None,
) -> ChainView:
    return ChainView(ChainId(CHAIN_ID), 100, NOW, values, left or {}, intent or {})


def a_spec(
    *,
    trigger: str = "1.1",
    target: str = "1.2",
    using: Means = Means.WALLET,
    token: Token = USDC,
    most: int = UINT256_MAX // 10**6,
    per_day: int | None = None,
    least: int | None = 1,
    feeds: tuple[FreshFields, ...] = (),
    loan: LoanFields | None = None,
    max_priority_percent: int = 400,
) -> LoanRepaySpec:
    """Return a spec as the files make it."""
    fields = AaveV3Fields(
        pool=str(POOL), addresses_provider=str(PROVIDER), oracle=str(ORACLE), data_provider=str(DATA)
    )
    return LoanRepaySpec.model_construct(
        loan=loan or LoanFields(aave_v3=fields),
        trigger=parse_ratio(trigger),
        target=parse_ratio(target),
        using=using,
        max_per_action=TokenAmount(token, most),
        max_per_day=TokenAmount(token, per_day or most),
        min_per_action=None if least is None else TokenAmount(token, least),
        cool_down=60,
        max_priority_percent=max_priority_percent,
        feeds=feeds,
    )
