"""Give thieves the keys of random sessions on the local chain, and weigh what they get away with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from eth_abi.abi import encode

from agent.devnet import chain, rpc
from agent.devnet.accounts import address_of
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import balance_wei, token_balance
from agent.devnet.transactions import read, transact
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Timestamp, Wei
from agent.erc4337.calldata import handle_ops_call
from agent.smart_sessions.policies.erc20_spending_limit import TRANSFER_FROM
from tests.attack.sessions import LIFE_S, PAYEE, SPENDER, a_random_session
from tests.attack.thief import Attempt, Thief
from tests.devnet import a_key, a_nexus_account

USDC = 1_000
"""Base units an account starts with: more than most limits."""
BUNDLE = 10
QUESTIONS = 100
"""In one request: larger bodies would hold the event loop."""
BALANCE_OF = keccak256(b"balanceOf(address)")[:4]
ALLOWANCE = keccak256(b"allowance(address,address)")[:4]
AGGREGATE = keccak256(b"aggregate3((address,bool,bytes)[])")[:4]


@dataclass(frozen=True, slots=True)
class Purse:
    """What an account owns: its coin with its deposit for gas, and its tokens."""

    coin_wei: int
    usdc: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One session, what its account lost, and what was promised to be the most."""

    thief: Thief
    coin_lost_wei: int
    usdc_lost: int
    thief_got_usdc: int


async def attack(devnet: Devnet, seeds: Sequence[int], rounds: int, tries: int) -> list[Outcome]:
    """Attack one random session a seed, all at once; the last round comes after the sessions' end."""
    thieves = [await a_thief(devnet, seed) for seed in seeds]
    before = [await purse(devnet, thief.account.address) for thief in thieves]
    for _ in range(rounds):
        await attack_once(devnet, thieves, tries)
    await chain.increase_time(devnet, 2 * LIFE_S)
    ended = [thief for thief in thieves if thief.worst.until is not None]
    counts = [thief.included for thief in ended]
    await attack_once(devnet, ended, tries)
    assert [thief.included for thief in ended] == counts
    return [await outcome(devnet, thief, start) for thief, start in zip(thieves, before, strict=True)]


async def a_thief(devnet: Devnet, seed: int) -> Thief:
    """Make an account with money, one random session on it, and a thief with its key."""
    random, key = Random(seed), a_key()
    now = Timestamp(await chain.block_time(devnet))
    session = a_random_session(random, devnet.usdc, address_of(key), now)
    account = await a_nexus_account(devnet, usdc=USDC, sessions=[session])
    return Thief(devnet, account, session, key, random, address_of(a_key()))


async def attack_once(devnet: Devnet, thieves: Sequence[Thief], tries: int) -> None:
    """Let every thief try some operations, take the worst that passes, and pull what is allowed."""
    tried = [(thief, attempt) for thief in thieves for attempt in thief.attempts(tries)]
    passed = await passing(devnet, [attempt for _, attempt in tried])
    best: dict[Address, tuple[Thief, Attempt]] = {}
    for (thief, attempt), passes in zip(tried, passed, strict=True):
        held = best.get(thief.account.address)
        if passes and (held is None or attempt.damage > held[1].damage):
            best[thief.account.address] = thief, attempt
    chosen = list(best.values())
    for start in range(0, len(chosen), BUNDLE):
        bundle = chosen[start : start + BUNDLE]
        ops = [attempt.op for _, attempt in bundle]
        await transact(devnet.rpc_url, Call(devnet.entry_point, Wei(0), handle_ops_call(ops, PAYEE)))
        for thief, _ in bundle:
            thief.included += 1
    await pull(devnet, [thief for thief, _ in chosen])


async def passing(devnet: Devnet, attempts: Sequence[Attempt]) -> list[bool]:
    """Ask the EntryPoint which operations it would include now."""
    calls = [_call(devnet.entry_point, handle_ops_call([attempt.op], PAYEE)) for attempt in attempts]
    requests = [rpc.Request("eth_call", (item, "latest")) for item in calls]
    answers = []
    for start in range(0, len(requests), QUESTIONS):
        answers += await rpc.batch_answers(devnet.rpc_url, requests[start : start + QUESTIONS])
    return ["error" not in answer for answer in answers]


async def pull(devnet: Devnet, thieves: Sequence[Thief]) -> None:
    """Take everything that the accounts allow the spender."""
    allowed = await allowances(devnet, thieves, [SPENDER] * len(thieves))
    held = [await token_balance(devnet, devnet.usdc, thief.account.address) for thief in thieves]
    for thief, left in zip(thieves, held, strict=True):
        thief.taken = USDC - left
    rows = [
        (
            devnet.usdc,
            True,
            TRANSFER_FROM + encode(["address", "address", "uint256"], [victim, PAYEE, amount]),
        )
        for victim, amount in zip(
            (thief.account.address for thief in thieves), map(min, allowed, held), strict=True
        )
        if amount
    ]
    if rows:
        data = AGGREGATE + encode(["(address,bool,bytes)[]"], [rows])
        await transact(devnet.rpc_url, Call(SPENDER, Wei(0), data))


async def allowances(devnet: Devnet, thieves: Sequence[Thief], spenders: Sequence[Address]) -> list[int]:
    """Read what each account allows its spender."""
    calls = [
        _call(devnet.usdc, ALLOWANCE + bytes(12) + thief.account.address + bytes(12) + spender)
        for thief, spender in zip(thieves, spenders, strict=True)
    ]
    answers = await rpc.batch(devnet.rpc_url, [rpc.Request("eth_call", (item, "latest")) for item in calls])
    return [int(answer, 16) for answer in answers]


async def purse(devnet: Devnet, account: Address) -> Purse:
    """Read what an account owns."""
    coin, usdc, deposit = await asyncio.gather(
        balance_wei(devnet, account),
        token_balance(devnet, devnet.usdc, account),
        read(devnet.rpc_url, devnet.entry_point, BALANCE_OF + bytes(12) + account),
    )
    return Purse(coin + int.from_bytes(deposit, "big"), usdc)


async def outcome(devnet: Devnet, thief: Thief, before: Purse) -> Outcome:
    """Weigh what is gone, and what the thief could still take by an allowance of his own."""
    after = await purse(devnet, thief.account.address)
    (own,) = await allowances(devnet, [thief], [thief.purse])
    got = await token_balance(devnet, devnet.usdc, thief.purse)
    still = min(own, after.usdc)
    lost = before.usdc - after.usdc + still
    return Outcome(thief, before.coin_wei - after.coin_wei, lost, got + still)


def _call(target: Address, data: bytes) -> dict[str, Any]:
    return {"from": str(PAYEE), "to": str(target), "data": "0x" + data.hex(), "gas": hex(15_000_000)}
