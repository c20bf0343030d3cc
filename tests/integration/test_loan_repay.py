"""Loans on real lending contracts are saved through a real bundler under sessions made for their jobs."""

from pathlib import Path

import pytest

from agent.devnet import chain
from agent.devnet.accounts import send_as_owner
from agent.devnet.defi import morpho
from agent.devnet.defi.aave import (
    add_category,
    borrow_call,
    enter_category_call,
    set_frozen,
    set_paused,
    variable_debt,
)
from agent.devnet.defi.calls import abi_call
from agent.devnet.defi.chainlink import DOLLAR
from agent.devnet.defi.loans import BORROWED, give_weth
from agent.devnet.defi.market import ETHER, USDC, Market
from agent.devnet.defi.moves import make_feed_stale, pass_time, set_oracle_price
from agent.domain.states import State
from agent.domain.units import Address
from tests.integration.lending import (
    HF,
    Job,
    a_comet_borrower,
    a_morpho_borrower,
    aave_health,
    aave_spec,
    an_aave_borrower,
    an_agent,
    before_sending,
    books,
    comet_health,
    comet_spec,
    morpho_spec,
    run_once,
    terms,
)
from tests.market import calm_morpho

pytestmark = [pytest.mark.devnet, pytest.mark.slow]


async def test_a_fallen_oracle_is_answered_in_every_way(market: Market, tmp_path: Path) -> None:
    wallet, adder = await an_aave_borrower(market), await an_aave_borrower(market)
    await give_weth(market, adder.account.address, 5 * ETHER)
    lender = await an_aave_borrower(market, lent_usdc=10_000 * USDC, borrowed=22_300 * USDC)
    category = await add_category(market.devnet, market.aave, market.weth, market.usdc)
    enter = enter_category_call(market.aave, category)
    in_emode = await an_aave_borrower(market, lent_usdc=9_000 * USDC, borrowed=23_000 * USDC, before=[enter])
    jobs = [
        Job("wallet", wallet, aave_spec(market, terms())),
        Job("collateral", adder, aave_spec(market, terms(using="collateral", most="5 WETH"))),
        Job("atokens", lender, aave_spec(market, terms(using="atokens"))),
        Job("emode", in_emode, aave_spec(market, terms(trigger="1.15", target="1.22", using="atokens"))),
    ]
    await an_agent(market, tmp_path, jobs)
    await run_once(tmp_path)
    assert not any((await books(tmp_path)).runs.values())

    await set_oracle_price(market, 1_860 * DOLLAR)
    await run_once(tmp_path)

    runs = (await books(tmp_path)).runs
    for job in jobs:
        (run,) = runs[job.name]
        assert (run.slot, run.state, run.reason) == ("1", State.FINAL_OK, "")
        target = 1.22 if job.name == "emode" else 1.2
        # At least the target, and no more than it asks for.
        assert target <= await aave_health(market, job.borrower) <= target * 1.002


async def test_loans_of_other_protocols_are_saved(market: Market, tmp_path: Path) -> None:
    blue = await calm_morpho(market)
    payer, adder = await a_morpho_borrower(market, blue), await a_morpho_borrower(market, blue)
    base, other = await a_comet_borrower(market), await a_comet_borrower(market)
    for borrower in (adder, other):
        await give_weth(market, borrower.account.address, 5 * ETHER)
    adding = {"using": "collateral", "most": "5 WETH"}
    jobs = [
        Job("morpho", payer, morpho_spec(blue, terms())),
        Job("morpho-adds", adder, morpho_spec(blue, terms(**adding))),
        Job("comet", base, comet_spec(market, terms())),
        Job("comet-adds", other, comet_spec(market, terms(**adding))),
    ]
    await an_agent(market, tmp_path, jobs)
    await morpho.set_price(market.devnet, blue, 1_760 * USDC)
    await set_oracle_price(market, 1_700 * DOLLAR)
    await run_once(tmp_path)

    for name, (*_, run) in (await books(tmp_path)).runs.items():
        assert (name, run.slot, run.state) == (name, "1", State.FINAL_OK)
    for borrower in (payer, adder):
        health = await morpho.health_factor(market.devnet, blue, borrower.account.address)
        assert 12 * HF // 10 <= health <= 1_202 * HF // 1_000
    for borrower in (base, other):
        assert 1.2 <= await comet_health(market, borrower) <= 1.202


async def test_what_cannot_be_known_or_paid_in_raises_an_alarm_and_is_made_up_for(
    market: Market, tmp_path: Path
) -> None:
    """A price of zero, a pause, a freeze, and a price that falls, flaps and falls on."""
    devnet, aave = market.devnet, market.aave
    borrower = await an_aave_borrower(market)
    feeds = f'  feeds:\n    - {{feed: "{market.eth_usd.proxy}", max_age: 1h}}\n'
    await an_agent(market, tmp_path, [Job("loan", borrower, aave_spec(market, terms(more=feeds)))])

    async def look() -> tuple[int, str, bool]:
        await run_once(tmp_path)
        found = await books(tmp_path)
        seen = found.triggers["loan"].seen
        assert all(run.state is State.FINAL_OK for run in found.runs["loan"])
        return len(found.runs["loan"]), seen.code, seen.alarm

    await set_oracle_price(market, 1_860 * DOLLAR)
    await make_feed_stale(market, 3_700)
    assert await look() == (0, "price_stale", True)
    await set_oracle_price(market, 0)
    assert await look() == (0, "price_not_positive", True)
    await set_oracle_price(market, 1_860 * DOLLAR)
    await set_paused(devnet, aave, market.usdc, is_paused=True)
    try:
        assert await look() == (0, "reserve_paused", True)
    finally:
        await set_paused(devnet, aave, market.usdc, is_paused=False)
    await set_frozen(devnet, aave, market.usdc, is_frozen=True)
    try:
        fired, _, alarm = await look()
    finally:
        await set_frozen(devnet, aave, market.usdc, is_frozen=False)
    assert (fired, alarm) == (1, False)
    assert 1.2 <= await aave_health(market, borrower) <= 1.202

    # Around the trigger nothing happens twice: the loan is far above it by now.
    for price in (1_900, 1_840, 1_880):
        await set_oracle_price(market, price * DOLLAR)
        assert await look() == (1, "above_trigger", False)
    # Through several levels at once, and then on.
    for number, price in ((2, 1_500), (3, 1_200)):
        await pass_time(devnet, 120)
        await set_oracle_price(market, price * DOLLAR)
        assert (await look())[0] == number
        assert 1.2 <= await aave_health(market, borrower) <= 1.202


async def test_a_health_factor_that_flaps_fires_once_a_crossing(market: Market, tmp_path: Path) -> None:
    blue = await calm_morpho(market)
    borrower = await a_morpho_borrower(market, blue)
    await an_agent(market, tmp_path, [Job("loan", borrower, morpho_spec(blue, terms()))])

    async def runs_at(price: int) -> int:
        await pass_time(market.devnet, 120)
        await morpho.set_price(market.devnet, blue, price * USDC)
        await run_once(tmp_path)
        runs = (await books(tmp_path)).runs["loan"]
        assert all(run.state is State.FINAL_OK for run in runs)
        return len(runs)

    try:
        # Around 1.05: each crossing is answered up to 1.2, and what flaps above the trigger is none.
        for fired, low, above in ((1, 1_760, (1_600, 1_560, 1_600)), (2, 1_500, (1_340, 1_700, 1_330))):
            assert await runs_at(low) == fired
            health = await morpho.health_factor(market.devnet, blue, borrower.account.address)
            assert 12 * HF // 10 <= health <= 1_202 * HF // 1_000
            for price in (*above, low):
                assert await runs_at(price) == fired
        assert await runs_at(1_300) == 3
    finally:
        await calm_morpho(market)


async def test_a_session_that_is_used_up_sends_nothing_and_names_its_limit(
    market: Market, tmp_path: Path
) -> None:
    blue = await calm_morpho(market)
    borrower = await a_morpho_borrower(market, blue)
    await an_agent(market, tmp_path, [Job("loan", borrower, morpho_spec(blue, terms()))], uses=1)
    try:
        for price in (1_760, 1_500, 1_200):
            await pass_time(market.devnet, 120)
            await morpho.set_price(market.devnet, blue, price * USDC)
            await run_once(tmp_path)
        *paid, waits = (await books(tmp_path)).runs["loan"]
        await pass_time(market.devnet, 2 * 86_400)
        await run_once(tmp_path)
        *_, ended = (await books(tmp_path)).runs["loan"]
        health = await morpho.health_factor(market.devnet, blue, borrower.account.address)
    finally:
        await calm_morpho(market)

    # The use that was asked for, and the spare one.
    assert [run.state for run in paid] == [State.FINAL_OK, State.FINAL_OK]
    assert (waits.state, ended.id, ended.state) == (State.DUE, waits.id, State.FAILED)
    for run in (waits, ended):
        assert (run.code, run.nonce, run.user_op_hash) == ("usage_limit", None, None)
        assert "2 of 2 uses used, this needs 1" in run.reason
    assert health < HF


async def test_too_little_in_hand_and_a_used_up_day_are_told(market: Market, tmp_path: Path) -> None:
    devnet = market.devnet
    # A day's cap is counted by the UTC day: this one is to last.
    await _to_next_day(market)
    poor, capped = await an_aave_borrower(market), await an_aave_borrower(market)
    kept = 600 * USDC
    away = abi_call(market.usdc, "transfer(address,uint256)", Address(b"\x42" * 20), BORROWED - kept)
    await send_as_owner(devnet, poor.account, [away])
    jobs = [
        Job("poor", poor, aave_spec(market, terms())),
        Job("capped", capped, aave_spec(market, terms(most="1000 USDC", per_day="1500 USDC"))),
    ]
    await an_agent(market, tmp_path, jobs)
    await set_oracle_price(market, 1_700 * DOLLAR)
    for _ in range(3):
        await run_once(tmp_path)
        await pass_time(devnet, 120)
    found = await books(tmp_path)

    # All that there is was paid, which is not enough: nothing more is tried, and somebody hears of it.
    (run,) = found.runs["poor"]
    assert run.state is State.FINAL_OK
    assert await variable_debt(devnet, market.aave, market.usdc, poor.account.address) < 14_402 * USDC
    seen = found.triggers["poor"].seen
    assert (seen.code, seen.alarm) == ("insufficient_funds", True)

    # Fifteen hundred a day: a thousand, five hundred, and then the next day's.
    states = [(one.state, one.code) for one in found.runs["capped"]]
    assert states == [(State.FINAL_OK, ""), (State.FINAL_OK, ""), (State.DUE, "day_cap_used")]
    owed = await variable_debt(devnet, market.aave, market.usdc, capped.account.address)
    assert 13_500 * USDC <= owed < 13_502 * USDC
    await _to_next_day(market)
    await run_once(tmp_path)
    *_, last = (await books(tmp_path)).runs["capped"]
    assert (last.slot, last.state) == ("3", State.FINAL_OK)


async def test_an_owner_who_borrows_while_it_is_on_its_way_holds_nothing(
    market: Market, tmp_path: Path
) -> None:
    borrower = await an_aave_borrower(market)
    owner, more = borrower.account, 500 * USDC
    await an_agent(market, tmp_path, [Job("loan", borrower, aave_spec(market, terms()))])

    async def borrow_more() -> None:
        # Nobody lends more on a loan this low: the price has come back.
        await set_oracle_price(market, 2_000 * DOLLAR)
        await send_as_owner(
            market.devnet, owner, [borrow_call(market.aave, market.usdc, more, owner.address)]
        )

    await set_oracle_price(market, 1_860 * DOLLAR)
    await run_once(tmp_path, before_sending(borrow_more))

    (run,) = (await books(tmp_path)).runs["loan"]
    assert (run.slot, run.state, run.reason) == ("1", State.FINAL_OK, "")
    owed = await variable_debt(market.devnet, market.aave, market.usdc, owner.address)
    assert 12_500 * USDC < owed - more < 13_000 * USDC


async def _to_next_day(market: Market) -> None:
    now = await chain.block_time(market.devnet)
    await pass_time(market.devnet, 86_400 - now % 86_400 + 60)
