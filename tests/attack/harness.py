"""Give thieves the keys of random sessions on the local chain, and weigh what they get away with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from eth_abi.abi import encode

from agent.devnet import chain, rpc
from agent.devnet.accounts import SmartAccount, address_of, send_as_owner
from agent.devnet.devnet import Devnet
from agent.devnet.keys import DEPLOYER
from agent.devnet.tokens import balance_wei, mint_usdc, token_balance
from agent.devnet.transactions import read, transact
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Timestamp, Wei
from agent.erc4337.calldata import handle_ops_call
from agent.smart_sessions.guards import operation_guards
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE, TRANSFER_FROM
from agent.smart_sessions.worst_case import Allowance
from tests.attack.paymaster import set_up_paymaster
from tests.attack.sessions import EARLY_S, LIFE_S, PAYEE, PAYMASTER, SPENDER, a_random_session
from tests.attack.thief import Attempt, Thief
from tests.attack.venues import Venue, set_up_venues
from tests.devnet import a_key, a_nexus_account

USDC = 1_000
"""Base units an account starts with: more than most limits."""
BUNDLE = 10
QUESTIONS = 100
"""In one request: larger bodies would hold the event loop."""
BALANCE_OF = keccak256(b"balanceOf(address)")[:4]
ALLOWANCE = keccak256(b"allowance(address,address)")[:4]
AGGREGATE = keccak256(b"aggregate3((address,bool,bytes)[])")[:4]
TRANSFERRED = "0x" + keccak256(b"Transfer(address,address,uint256)").hex()
THIRD = DEPLOYER.address
"""Trusts every account with some of its tokens."""
PARTIES = (SPENDER, PAYEE, PAYMASTER)


@dataclass(frozen=True, slots=True)
class Purse:
    """The coin of an account with its deposit for gas, and since which block its tokens are watched."""

    coin_wei: int
    block: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One session, what its account lost, and what was promised to be the most."""

    thief: Thief
    coin_lost_wei: int
    usdc_lost: int
    thief_got_usdc: int


async def attack(devnet: Devnet, seeds: Sequence[int], rounds: int, tries: int) -> list[Outcome]:
    """Attack one random session a seed, all at once, from before some begin until after all have ended."""
    await set_up_paymaster(devnet)
    await mint_usdc(devnet, THIRD, len(seeds) * USDC)
    venues = await set_up_venues(devnet)
    thieves = [await a_thief(devnet, seed, venues) for seed in seeds]
    before = [await purse(devnet, thief.account.address) for thief in thieves]
    await nothing_passes(devnet, [thief for thief in thieves if _is_early(thief)], tries)
    await chain.increase_time(devnet, EARLY_S)
    for _ in range(rounds):
        await attack_once(devnet, thieves, tries)
    await chain.increase_time(devnet, 2 * LIFE_S)
    await nothing_passes(devnet, [thief for thief in thieves if thief.worst.until is not None], tries)
    return [await outcome(devnet, thief, start) for thief, start in zip(thieves, before, strict=True)]


async def nothing_passes(devnet: Devnet, thieves: Sequence[Thief], tries: int) -> None:
    """Let thieves try what their sessions allow at another time."""
    counts = [thief.included for thief in thieves]
    await attack_once(devnet, thieves, tries)
    assert [thief.included for thief in thieves] == counts


async def a_thief(devnet: Devnet, seed: int, venues: tuple[Venue, ...]) -> Thief:
    """Make an account with money, one random session on it, and a thief with its key."""
    random, key = Random(seed), a_key()
    now = Timestamp(await chain.block_time(devnet))
    session = a_random_session(random, devnet.usdc, address_of(key), now, venues)
    account = await a_nexus_account(devnet, usdc=USDC, sessions=[session])
    trust = APPROVE + encode(["address", "uint256"], [account.address, USDC])
    await transact(devnet.rpc_url, Call(devnet.usdc, Wei(0), trust), THIRD)
    given = await _allowance(devnet, account, random) if session.permit_erc4337_paymaster else ()
    for venue in venues:
        if random.random() < 0.6:
            await _allow(devnet, account, venue.target, random.randint(50, 400))
    return Thief(devnet, account, session, key, random, address_of(a_key()), THIRD, given, venues)


async def _allowance(devnet: Devnet, account: SmartAccount, random: Random) -> tuple[Allowance, ...]:
    """Let the owner allow the paymaster something, as for fees in tokens."""
    amount = random.choice((0, random.randint(1, 60)))
    if not amount:
        return ()
    await _allow(devnet, account, PAYMASTER, amount)
    return (Allowance(devnet.usdc, PAYMASTER, amount),)


async def _allow(devnet: Devnet, account: SmartAccount, spender: Address, amount: int) -> None:
    data = APPROVE + encode(["address", "uint256"], [spender, amount])
    await send_as_owner(devnet, account, [Call(devnet.usdc, Wei(0), data)])


def _is_early(thief: Thief) -> bool:
    frame = operation_guards(thief.session).frame
    return frame is not None and frame.valid_after > 0


async def attack_once(devnet: Devnet, thieves: Sequence[Thief], tries: int) -> None:
    """Let every thief try some operations, take the worst that passes, and pull what is allowed."""
    tried = [(thief, attempt) for thief in thieves for attempt in thief.attempts(tries)]
    passed = await passing(devnet, [attempt for _, attempt in tried])
    good = [pair for pair, passes in zip(tried, passed, strict=True) if passes]
    for thief, attempt in good:
        assert thief.has_fallback or not attempt.is_stray, attempt.op.call_data.hex()
    works = await executing(devnet, [attempt for _, attempt in good])
    best: dict[Address, tuple[Thief, Attempt]] = {}
    # What would revert takes nothing but gas: it is the choice where nothing else is left.
    for (thief, attempt), _ in sorted(zip(good, works, strict=True), key=_worth):
        best[thief.account.address] = thief, attempt
    chosen = list(best.values())
    for start in range(0, len(chosen), BUNDLE):
        bundle = chosen[start : start + BUNDLE]
        ops = [attempt.op for _, attempt in bundle]
        await transact(devnet.rpc_url, Call(devnet.entry_point, Wei(0), handle_ops_call(ops, PAYEE)))
        for thief, attempt in bundle:
            thief.included += 1
            thief.sponsored += attempt.op.paymaster is not None
    await pull(devnet, [thief for thief, _ in chosen])


async def passing(devnet: Devnet, attempts: Sequence[Attempt]) -> list[bool]:
    """Ask the EntryPoint which operations it would include now."""
    calls = [_call(devnet.entry_point, handle_ops_call([attempt.op], PAYEE)) for attempt in attempts]
    return await _answered(devnet, calls)


async def _answered(devnet: Devnet, calls: Sequence[dict[str, Any]]) -> list[bool]:
    requests = [rpc.Request("eth_call", (item, "latest")) for item in calls]
    answers = []
    for start in range(0, len(requests), QUESTIONS):
        answers += await rpc.batch_answers(devnet.rpc_url, requests[start : start + QUESTIONS])
    return ["error" not in answer for answer in answers]


def _worth(item: tuple[tuple[Thief, Attempt], bool]) -> tuple[bool, int]:
    (_, attempt), works = item
    return works, attempt.damage


async def executing(devnet: Devnet, attempts: Sequence[Attempt]) -> list[bool]:
    """Ask the accounts which call data would not revert now."""
    calls = [
        {**_call(attempt.op.sender, attempt.op.call_data), "from": str(devnet.entry_point)}
        for attempt in attempts
    ]
    return await _answered(devnet, calls)


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
    coin, block, deposit = await asyncio.gather(
        balance_wei(devnet, account),
        chain.block_number(devnet),
        read(devnet.rpc_url, devnet.entry_point, BALANCE_OF + bytes(12) + account),
    )
    return Purse(coin + int.from_bytes(deposit, "big"), block)


async def outcome(devnet: Devnet, thief: Thief, before: Purse) -> Outcome:
    """Weigh what is gone, and what others could still take by allowances."""
    account = thief.account.address
    after, held = await purse(devnet, account), await token_balance(devnet, devnet.usdc, account)
    parties = (thief.purse, *PARTIES)
    allowed = await allowances(devnet, [thief] * len(parties), parties)
    got = await token_balance(devnet, devnet.usdc, thief.purse)
    lost = await sent(devnet, account, before.block) + min(sum(allowed), held)
    return Outcome(thief, before.coin_wei - after.coin_wei, lost, got + min(allowed[0], held))


async def sent(devnet: Devnet, account: Address, since: int) -> int:
    """Add up the tokens that left the account; what others paid in makes none of it good."""
    topics = [TRANSFERRED, "0x" + (bytes(12) + account).hex()]
    asked = {"fromBlock": hex(since), "toBlock": "latest", "address": str(devnet.usdc), "topics": topics}
    logs = await rpc.call(devnet.rpc_url, "eth_getLogs", asked)
    own = (bytes(12) + account).hex()
    return sum(int(log["data"], 16) for log in logs if log["topics"][2][2:] != own)


def _call(target: Address, data: bytes) -> dict[str, Any]:
    return {"from": str(PAYEE), "to": str(target), "data": "0x" + data.hex(), "gas": hex(15_000_000)}
