"""A real worker watches a real chain: each fall below the level is one firing, kills and reorgs or not."""

import re
import signal
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.devnet import chain, rpc
from agent.devnet.accounts import address_of, create_nexus_account, install_and_enable
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import mint_usdc, set_balance, token_balance
from agent.devnet.transactions import transact
from agent.domain.units import Wei
from jobs import erc20
from tests.acceptance.crash_points import AFTER, DURING, CrashPoint
from tests.acceptance.oracle.books import read_rows
from tests.acceptance.stage import USDC, Stage, derived, dying_worker, worker
from tests.acceptance.test_interruptions import command
from tests.devnet import a_key
from tests.devnet_config import write_config

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

JOB = """\
id: float
kind: top_up
chain: 31337
account: "{account}"
session: float
spec:
  keep: balance
  of: "{payee}"
  below: "20 USDC"
  to: "30 USDC"
  cool_down: 1m
"""
FORWARD = """\
id: forward
kind: contract_call
chain: 31337
account: "{account}"
session: forward
spec:
  to: "{usdc}"
  function: "transfer(address,uint256)"
  arguments: ["{payee}", "1000000"]
  when:
    event:
      address: "{usdc}"
      event: "Transfer(address indexed from, address indexed to, uint256 value)"
      where: {{to: {{is: account}}, value: {{above: "4999999"}}}}
"""
COOL_DOWN_S = 60
FIRE = "fire"
DEATHS = (CrashPoint(FIRE, DURING), CrashPoint(FIRE, AFTER), CrashPoint("record-plan", AFTER))


async def a_watched_stage(devnet: Devnet, folder: Path, job: str = JOB, name: str = "float") -> Stage:
    """Make a job that keeps 20 to 30 USDC with somebody who has 25, and who can be made to spend them."""
    key = a_key()
    account = await create_nexus_account(devnet, a_key())
    stage = Stage(devnet, folder, account, address_of(a_key()))
    write_config(devnet, folder, key, max_cost="0.1 ether")
    text = job.format(account=account.address, payee=stage.payee, usdc=devnet.usdc)
    (folder / "jobs" / f"{name}.yaml").write_text(text)
    await mint_usdc(devnet, account.address, 1_000 * USDC)
    await mint_usdc(devnet, stage.payee, 25 * USDC)
    await rpc.call(devnet.rpc_url, "anvil_impersonateAccount", str(stage.payee))
    await set_balance(devnet, stage.payee, Wei(10**18))
    (session,) = await derived(stage, f"{name}.yaml", uses=5)
    await install_and_enable(devnet, account, [session.session])
    return stage


async def spend(stage: Stage, units: int) -> None:
    """Let the one whose balance is kept pay somebody."""
    call = erc20.transfer(stage.devnet.usdc, address_of(a_key()), units)
    await transact(stage.devnet.rpc_url, call, stage.payee)


async def balance(stage: Stage) -> int:
    """Return what the one whose balance is kept has."""
    return await token_balance(stage.devnet, stage.devnet.usdc, stage.payee)


async def said(stage: Stage, *words: str) -> dict[str, Any]:
    """Return what a command says."""
    answer = await command(stage, *words, "--json")
    assert answer.code == 0, answer.err
    found: dict[str, Any] = answer.json
    return found


def seen(stage: Stage) -> dict[str, str]:
    """Return the code of what each job saw last; nothing of one that has not looked."""
    with closing(sqlite3.connect(stage.store)) as store:
        return dict(store.execute("SELECT job_id, code FROM triggers").fetchall())


def is_armed(stage: Stage) -> bool:
    """Tell whether the job has closed its books and looks at the chain again."""
    return seen(stage) == {"float": "level_kept"}


def runs(stage: Stage) -> dict[str, str]:
    """Return the state of each firing."""
    return {slot: row.state for (_, slot), row in read_rows(stage.store).items()}


async def test_each_fall_below_the_level_is_one_payment(devnet: Devnet, tmp_path: Path) -> None:
    stage = await a_watched_stage(devnet, tmp_path)
    with worker(stage) as running:
        await running.until(lambda: "recovered" in stage.log)
        await chain.mine(devnet, 2)
        assert runs(stage) == {}
        await spend(stage, 10 * USDC)
        await running.until(partial(stage.is_paid, "1", job="float"))
        assert await balance(stage) == 30 * USDC

        await spend(stage, 15 * USDC)
        await chain.increase_time(devnet, COOL_DOWN_S)
        await running.until(partial(stage.is_paid, "1", "2", job="float"))
        await running.until(partial(is_armed, stage))
    assert (await balance(stage), stage.payments()) == (30 * USDC, 2)
    assert (await said(stage, "status"))["watch"] == {"jobs": 1, "firing": 0, "alarms": []}

    await said(stage, "jobs", "pause", "float")
    await spend(stage, 15 * USDC)
    await chain.increase_time(devnet, COOL_DOWN_S)
    (paused,) = (await said(stage, "plan"))["watched"]
    assert (paused["would_fire"], paused["sees"]["code"]) == (False, "level_low")
    assert paused["saw"]["stopped"] == "paused"
    await said(stage, "jobs", "resume", "float")
    planned = await said(stage, "plan")
    assert planned["watched"][0]["would_fire"]
    assert [(fire["job"], fire["slot"], fire["would"]) for fire in planned["fires"]] == [
        ("float", "3", "send")
    ]
    (due,) = (await said(stage, "run", "--dry-run", "--once"))["due"]
    assert (due["job"], due["slot"], due["would"]) == ("float", "3", "send")
    assert runs(stage).keys() == {"1", "2"}


async def test_kill_between_firing_and_plan_loses_and_repeats_nothing(devnet: Devnet, tmp_path: Path) -> None:
    stage = await a_watched_stage(devnet, tmp_path)
    await spend(stage, 10 * USDC)
    for point, known in zip(DEATHS, ({}, {"1": "due"}, {"1": "planned"}), strict=True):
        with dying_worker(stage, point) as dying:
            assert await dying.end() == -signal.SIGKILL, stage.log[-3000:]
        assert runs(stage) == known
    with worker(stage) as running:
        await running.until(partial(stage.is_paid, "1", job="float"))
    assert (runs(stage), stage.payments()) == ({"1": "final_ok"}, 1)
    assert await balance(stage) == 30 * USDC


async def test_firing_of_a_lost_journal_waits_for_a_person(devnet: Devnet, tmp_path: Path) -> None:
    stage = await a_watched_stage(devnet, tmp_path)
    await spend(stage, 10 * USDC)
    with worker(stage) as running:
        await running.until(partial(stage.is_paid, "1", job="float"))
    for file in Path(stage.store).parent.glob("journal.db*"):
        file.unlink()
    await spend(stage, 15 * USDC)
    with worker(stage) as running:
        await running.until(lambda: runs(stage) == {"1": "held"})
    assert stage.payments() == 1


async def test_each_log_of_an_event_is_one_call(devnet: Devnet, tmp_path: Path) -> None:
    stage = await a_watched_stage(devnet, tmp_path, FORWARD, "forward")
    with worker(stage) as running:
        await running.until(lambda: "recovered" in stage.log and seen(stage) != {})
        await mint_usdc(devnet, stage.account.address, 5 * USDC)
        await mint_usdc(devnet, stage.account.address, 4 * USDC)
        await running.until(lambda: "final_ok" in runs(stage).values())
    await mint_usdc(devnet, stage.account.address, 6 * USDC)
    with worker(stage) as running:
        await running.until(lambda: list(runs(stage).values()) == ["final_ok"] * 2)
    assert stage.payments() == 2
    assert await balance(stage) == 27 * USDC
    assert all(re.fullmatch("0x[0-9a-f]{64}:[0-9]", slot) for slot in runs(stage))


async def test_reorg_of_the_block_that_fired_makes_no_second_firing(devnet: Devnet, tmp_path: Path) -> None:
    stage = await a_watched_stage(devnet, tmp_path)
    before = await chain.block_number(devnet)
    await spend(stage, 10 * USDC)
    with dying_worker(stage, CrashPoint(FIRE, AFTER)) as dying:
        assert await dying.end() == -signal.SIGKILL, stage.log[-3000:]
    assert runs(stage) == {"1": "due"}

    await chain.reorg_from(devnet, before + 1)
    assert await balance(stage) == 25 * USDC
    await spend(stage, 10 * USDC)
    with worker(stage) as running:
        await running.until(partial(stage.is_paid, "1", job="float"))
    assert (runs(stage), stage.payments()) == ({"1": "final_ok"}, 1)
