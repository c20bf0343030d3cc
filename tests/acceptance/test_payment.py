"""The subscription end to end: real chain, real bundler, real processes."""

from functools import partial
from pathlib import Path

import pytest

from agent.devnet.accounts import address_of, create_nexus_account, install_and_enable
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import balance_wei, mint_usdc, token_balance
from tests.acceptance.command import sessionkeeper
from tests.acceptance.stage import (
    USDC,
    Stage,
    a_stage,
    derived,
    move_to,
    next_days,
    run_once,
    worker,
    write_job,
)
from tests.devnet import a_key
from tests.devnet_config import write_config

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_each_period_is_paid_once(devnet: Devnet, tmp_path: Path) -> None:
    days = await next_days(devnet, 3)
    stage = await a_stage(devnet, tmp_path, start=days[0])

    with worker(stage) as running:
        for number, _ in enumerate(days):
            await move_to(devnet, days[number])
            await running.until(partial(stage.is_paid, *days[: number + 1]))

    assert stage.findings() == []
    assert stage.payments() == 3


async def test_ether_is_paid_like_a_token(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day, amount="0.1 ether")
    await move_to(devnet, day)
    assert await run_once(stage) == 0

    assert stage.findings() == []
    assert await balance_wei(devnet, stage.payee) == 10**17


async def test_once_pays_what_is_due_and_ends(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    assert (await run_once(stage), stage.payments()) == (0, 0)

    await move_to(devnet, day)
    assert (await run_once(stage), stage.payments()) == (0, 1)
    assert (await run_once(stage), stage.payments()) == (0, 1)
    assert stage.findings() == []


async def test_dry_run_writes_and_sends_nothing(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    await move_to(devnet, day)

    answer = sessionkeeper("run", "--dry-run", "--once", "-c", tmp_path, "--json")
    assert answer.code == 0, answer.err
    assert "10 USDC" in answer.out
    assert not (tmp_path / "state").exists()

    assert await run_once(stage) == 0
    before = (tmp_path / "state" / "journal.db").read_bytes()
    assert sessionkeeper("run", "--dry-run", "--once", "-c", tmp_path).code == 0
    assert (tmp_path / "state" / "journal.db").read_bytes() == before
    assert stage.payments() == 1


async def test_edited_schedule_charges_no_period_again(devnet: Devnet, tmp_path: Path) -> None:
    day, after = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=day)
    await move_to(devnet, day)
    assert await run_once(stage) == 0

    write_job(stage, start=day, schedule='calendar: daily\n  at: "06:00"\n  time_zone: UTC')
    await move_to(devnet, day, hour=7)
    assert await run_once(stage) == 0
    assert stage.payments() == 1

    await move_to(devnet, after, hour=7)
    assert await run_once(stage) == 0
    assert (stage.payments(), stage.is_paid(day, after)) == (2, True)


@pytest.mark.parametrize(("catch_up", "paid"), [("none", False), ("latest", True)])
async def test_after_downtime_the_catch_up_rule_decides(
    devnet: Devnet, tmp_path: Path, catch_up: str, *, paid: bool
) -> None:
    first, second, third = await next_days(devnet, 3)
    terms = f"grace: 1h\ncatch_up: {catch_up}"
    stage = await a_stage(devnet, tmp_path, start=first, terms=terms)
    await move_to(devnet, first)
    assert await run_once(stage) == 0

    await move_to(devnet, third, hour=5)
    assert await run_once(stage) == 0
    missed = (second,) if paid else (second, third)
    assert all(stage.is_in(day, "skipped") for day in missed)
    assert stage.findings(unpaid=missed) == []


async def test_template_pays_each_row_its_own_amount(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    payers = [await create_nexus_account(devnet, a_key()) for _ in range(3)]
    stage = Stage(devnet, tmp_path, payers[0], address_of(a_key()))
    write_config(devnet, tmp_path, a_key(), max_cost="0.1 ether")
    write_template(stage, day, [str(payer.address) for payer in payers])
    for payer, new in zip(payers, await derived(stage, "dues.yaml"), strict=True):
        await mint_usdc(devnet, payer.address, 100 * USDC)
        await install_and_enable(devnet, payer, [new.session])

    await move_to(devnet, day)
    assert await run_once(stage) == 0

    assert stage.findings() == []
    assert await token_balance(devnet, devnet.usdc, stage.payee) == (1 + 2 + 3) * USDC


def write_template(stage: Stage, start: str, accounts: list[str]) -> None:
    """Write a template with one row for each account."""
    rows = [f'{n},{account},payer-{n},"{n} USDC",M-{n}' for n, account in enumerate(accounts, 1)]
    header = "id,account,session,amount,reference"
    (stage.folder / "jobs" / "dues.csv").write_text("\n".join([header, *rows]) + "\n")
    (stage.folder / "jobs" / "dues.yaml").write_text(
        f"id: dues\nkind: subscription\nchain: 31337\nrows: dues.csv\n"
        f'schedule: {{calendar: daily, at: "00:00", time_zone: UTC, start: {start}}}\n'
        f'spec: {{payee: "{stage.payee}"}}\n'
    )
