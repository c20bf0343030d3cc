"""Top-ups and contract calls under sessions made for them, by a real bundler; then tried and replayed."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.cli.owner_keys import OwnerKeys
from agent.cli.session_granting import granted
from agent.cli.session_making import made_sessions
from agent.commands.session_need import Wish
from agent.commands.session_new import write_sessions
from agent.devnet import chain
from agent.devnet.accounts import address_of, create_account
from agent.devnet.defi.calls import abi_call, ask_int
from agent.devnet.defi.moves import pass_time
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import balance_wei, mint_usdc, set_balance, token_balance
from agent.domain.states import State
from agent.domain.units import Address, Timestamp, Wei
from agent.erc7579.accounts import NEXUS
from jobs.erc20 import MULTICALL3
from tests.acceptance.command import inside
from tests.devnet import a_key
from tests.devnet_config import write_config
from tests.integration.lending import books, run_once

pytestmark = [pytest.mark.devnet, pytest.mark.slow]
ETHER = 10**18
DOLLAR = 10**6
MONTH_S = 30 * 86_400
LEVELS = 'below: "0.05 ether", to: "0.2 ether"'
DOLLARS = 'below: "20 USDC", to: "100 USDC"'
EXPECT = (
    'expect: {{to: "{usdc}", function: "allowance(address,address)(uint256)", arguments: [account, "{of}"], '
)
APPROVE = (
    'to: "{usdc}", function: "approve(address,uint256)", arguments: ["{of}", "5"], '
    'when: {{balance: {{of: "{of}", below: "1 ether"}}}}, times: "1", '
)
TRANSFER = "Transfer(address indexed from, address indexed to, uint256 value)"
ON_TRANSFER = (
    'to: "{multicall}", function: "getBlockNumber()", per_day: "5", '
    f'when: {{{{event: {{{{address: "{{usdc}}", event: "{TRANSFER}", '
    'where: {{to: {{is: "{of}"}}, value: {{above: "7"}}}}}}}}'
)
JOBS = {
    "coin": ("top_up", f'keep: balance, of: "{{of}}", {LEVELS}, cool_down: 1m, total: "1 ether"'),
    "tokens": ("top_up", f'keep: balance, of: "{{of}}", {DOLLARS}, most: "60 USDC", cool_down: 1m'),
    "deposit": ("top_up", f'keep: deposit, of: "{{of}}", {LEVELS}, cool_down: 1m'),
    "allowance": ("top_up", f'keep: allowance, of: "{{of}}", {DOLLARS}, cool_down: 1m'),
    "poked": ("contract_call", f'{APPROVE}{EXPECT}is: "5"}}}}'),
    "unexpected": ("contract_call", f'{APPROVE}{EXPECT}is: "6"}}}}'),
    "answered": ("contract_call", ON_TRANSFER),
    "daily": ("contract_call", 'to: "{multicall}", function: "getBlockNumber()"'),
}
SCHEDULED = {"daily": 'schedule: {interval: 1d, anchor: "1970-01-01T00:00:00Z"}\n'}


@dataclass(frozen=True)
class Keeper:
    """The operator's folder, and whom each job is for."""

    devnet: Devnet
    folder: Path
    account: Address
    of: Mapping[str, Address]

    async def states(self) -> dict[str, list[State]]:
        """Return how each job's runs stand."""
        return {name: [run.state for run in runs] for name, runs in (await books(self.folder)).runs.items()}


async def a_keeper(devnet: Devnet, folder: Path) -> Keeper:
    """Write a job of each form and have the owner grant the sessions that `sessions new` makes."""
    write_config(devnet, folder, a_key())
    owner_key = a_key()
    account = (await create_account(devnet, NEXUS, owner_key)).address
    await mint_usdc(devnet, account, 1_000 * DOLLAR)
    of = {name: address_of(a_key()) for name in JOBS}
    until = Timestamp(await chain.block_time(devnet) + MONTH_S)
    (folder / "owner.key").write_text("0x" + owner_key.hex())
    for name, (kind, spec) in JOBS.items():
        written = spec.format(of=of[name], usdc=devnet.usdc, multicall=MULTICALL3)
        (folder / "jobs" / f"{name}.yaml").write_text(
            f'id: {name}\nkind: {kind}\nchain: 31337\naccount: "{account}"\nsession: {name}\n'
            f"{SCHEDULED.get(name, '')}spec: {{{written}}}\n"
        )
        wish = Wish(periods=2) if name in SCHEDULED else Wish(uses=1 if "times" in spec else 4, until=until)
        await asyncio.to_thread(_grant, folder, name, wish)
    return Keeper(devnet, folder, account, of)


def _grant(folder: Path, name: str, wish: Wish) -> None:
    write_sessions(made_sessions(None, folder / "jobs" / f"{name}.yaml", None, "nexus", wish).sessions)
    assert granted(folder, name, OwnerKeys(folder / "owner.key")).is_enabled


async def test_levels_are_kept_and_calls_are_made(devnet: Devnet, tmp_path: Path) -> None:
    keeper = await a_keeper(devnet, tmp_path)
    first_block = (await chain.block_number(devnet)) + 1
    await run_once(tmp_path)

    assert await balance_wei(devnet, keeper.of["coin"]) == ETHER // 5
    assert await token_balance(devnet, devnet.usdc, keeper.of["tokens"]) == 60 * DOLLAR
    deposit = abi_call(devnet.entry_point, "balanceOf(address)", keeper.of["deposit"])
    assert await ask_int(devnet.rpc_url, deposit) == ETHER // 5
    assert await _allowance(keeper, "allowance") == 100 * DOLLAR
    assert await _allowance(keeper, "poked") == 5
    states = await keeper.states()
    for name in ("coin", "tokens", "deposit", "allowance", "poked"):
        assert states[name] == [State.FINAL_OK], name
    # The call was made and the chain does not stand as the file expects: a person has to look.
    (unexpected,) = (await books(tmp_path)).runs["unexpected"]
    assert (unexpected.state, unexpected.code) == (State.HELD, "not_delivered")
    assert "not_as_expected" in unexpected.reason
    assert (states["answered"], states["daily"]) == ([], [])

    await _next_day(devnet)
    await set_balance(devnet, keeper.of["coin"], Wei(ETHER // 100))
    await mint_usdc(devnet, keeper.of["answered"], 7)
    await mint_usdc(devnet, keeper.of["answered"], 6)
    await run_once(tmp_path)
    assert await balance_wei(devnet, keeper.of["coin"]) == ETHER // 5
    states = await keeper.states()
    assert states["coin"] == [State.FINAL_OK] * 2
    assert states["tokens"] == [State.FINAL_OK]
    assert (states["answered"], states["daily"]) == ([State.FINAL_OK], [State.FINAL_OK])

    covered = await asyncio.to_thread(inside, "sessions", "cover", "coin", "--json", "-c", tmp_path)
    (cover,) = covered.json["covers"]
    # Of the four uses that were asked for two are left.
    assert (covered.code, cover["covered"], cover["granted"], cover["periods"]) == (0, True, True, 2)
    await _tried_recorded_and_replayed(keeper, first_block)


async def _allowance(keeper: Keeper, name: str) -> int:
    call = abi_call(keeper.devnet.usdc, "allowance(address,address)", keeper.account, keeper.of[name])
    return await ask_int(keeper.devnet.rpc_url, call)


async def _next_day(devnet: Devnet) -> None:
    now = await chain.block_time(devnet)
    await pass_time(devnet, 86_400 - now % 86_400 + 60)


async def _tried_recorded_and_replayed(keeper: Keeper, first_block: int) -> None:
    """Look at the first block again: what fired there fires there still, in a trial and in a replay."""
    folder, job = keeper.folder, keeper.folder / "jobs" / "coin.yaml"
    last_block = await chain.block_number(keeper.devnet)

    tried = await asyncio.to_thread(inside, "jobs", "test", job, "--block", str(first_block), "--json")
    (then,) = tried.json["jobs"]
    assert (tried.code, then["watch"]["fires"], then["would"]) == (0, True, "act")
    assert then["calls"] == [{"to": str(keeper.of["coin"]), "value_wei": ETHER // 5, "data": "0x"}]
    assert (then["session"]["allows"], then["session"]["name"]) == (True, "coin")
    now = (await asyncio.to_thread(inside, "jobs", "test", job, "--json")).json["jobs"][0]
    assert (now["watch"]["fires"], now["watch"]["code"], now["would"]) == (False, "level_kept", "skip")

    out = folder / "coin.jsonl.gz"
    blocks = ("--from", str(first_block), "--to", str(last_block))
    recorded = await asyncio.to_thread(inside, "jobs", "record", job, *blocks, "--out", out, "--json")
    assert (recorded.code, recorded.json["read"]) == (0, last_block - first_block + 1)
    replays = [
        await asyncio.to_thread(inside, "jobs", "replay", job, *source, "--json")
        for source in (("--data", out), ("--data", out), blocks)
    ]
    assert len({answer.out for answer in replays}) == 1
    document = json.loads(replays[0].out)
    (found,) = document["jobs"]
    # The balances are those of the real payments, so the replay pays once for each time it fell.
    amounts = [int(payment["intent"]["amount"]) for payment in found["payments"]]
    assert amounts[0] == ETHER // 5
    assert ETHER * 19 // 100 in amounts
    assert document["sessions"][0]["name"] == "coin"


async def test_trials_end_as_scripts_expect(devnet: Devnet, tmp_path: Path) -> None:
    write_config(devnet, tmp_path, a_key())
    account, of = address_of(a_key()), address_of(a_key())
    job = tmp_path / "jobs" / "coin.yaml"
    job.write_text(
        f'id: coin\nkind: top_up\nchain: 31337\naccount: "{account}"\nsession: coin\n'
        f'spec: {{keep: balance, of: "{of}", {LEVELS}}}\n'
    )
    answer = await asyncio.to_thread(inside, "jobs", "test", job, "--at", "2019-01-01T00:00:00Z")
    assert (answer.code, "the chain begins at" in answer.err) == (5, True)
    shown = await asyncio.to_thread(inside, "jobs", "test", job)
    assert (shown.code, "fires: level_low" in shown.out) == (0, True)
    (tmp_path / "cut.gz").write_bytes(b"")
    for arguments, code, said in (
        (("replay", job, "--data", tmp_path / "cut.gz"), 3, "record_incomplete"),
        (("replay", job), 2, "--data"),
        (("record", job, "--from", "9", "--to", "2", "--out", tmp_path / "x"), 3, "before the first"),
        (("test", tmp_path / "jobs" / "none.yaml"), 3, "none.yaml"),
        (("test", job, "--block", "999999999"), 7, "chain_unavailable"),
    ):
        ended = await asyncio.to_thread(inside, "jobs", *arguments)
        assert (ended.code, said in ended.err) == (code, True), (arguments, ended)
