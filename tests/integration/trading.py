"""Owners with orders on the local chain's exchanges, and a worker that holds sessions to fill them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.cli.owner_keys import OwnerKeys
from agent.cli.session_granting import granted
from agent.cli.session_making import made_sessions
from agent.commands.session_need import Wish
from agent.commands.session_new import write_sessions
from agent.devnet import chain
from agent.devnet.accounts import send_as_owner
from agent.devnet.defi.calls import TRADER, abi_call, ask_int
from agent.devnet.defi.loans import give
from agent.devnet.defi.market import ETHER, Market
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.devnet.transactions import transact
from agent.domain.firing import TriggerRow
from agent.domain.occurrence import Occurrence
from agent.domain.units import Address, Timestamp
from tests.devnet import a_key
from tests.devnet_config import write_config
from tests.integration.lending import Borrower, a_borrower, books, run_once

MONTH_S = 30 * 86_400
NO_DEADLINE = 2**63
V2_SWAP = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"


@dataclass(frozen=True)
class Order:
    """A job of a trader of its own; `spec` is YAML in one mapping, without sell, buy and venue."""

    name: str
    kind: str
    spec: str
    venue: str = "v3"
    pair: tuple[str, str] = ("2 WETH", "USDC")
    more: str = ""
    """Further lines of the job, such as its schedule."""
    periods: int | None = None
    """So many slots its session is for; None: all of them."""


@dataclass(frozen=True)
class Desk:
    """The operator's folder, and the traders by order."""

    market: Market
    folder: Path
    traders: Mapping[str, Borrower]

    async def look(self) -> None:
        """Let the worker do what the head asks for, and end."""
        await run_once(self.folder)

    async def runs(self, name: str) -> tuple[Occurrence, ...]:
        """Return the order's firings so far."""
        return (await books(self.folder)).runs[name]

    async def trigger(self, name: str) -> TriggerRow:
        """Return what was seen of the order last."""
        return (await books(self.folder)).triggers[name]

    async def market_gives(self, account: Address, dollars: int) -> None:
        """Give an account further USDC, in base units."""
        await give(self.market, self.market.usdc, account, dollars)

    async def holds(self, name: str, token: Address) -> int:
        """Return what the order's trader has of a token."""
        return await token_balance(self.market.devnet, token, self.traders[name].account.address)

    async def allowance(self, name: str, token: Address, spender: Address) -> int:
        """Return what a spender may take of the order's trader."""
        owner = self.traders[name].account.address
        call = abi_call(token, "allowance(address,address)", owner, spender)
        return await ask_int(self.market.devnet.rpc_url, call)


def addresses(market: Market) -> dict[str, Address]:
    """Return the tokens by the symbols of the files."""
    odd = market.odd
    return {"WETH": market.weth, "USDC": market.usdc, "USDT": odd.no_return, "BURN": odd.deflating}


def venues(market: Market) -> dict[str, str]:
    """Return every venue as a file has it."""
    v3 = f'quoter: "{market.v3.quoter}", fees: [3000]'
    there = f'"{market.usdc}", "{market.weth}"'
    path = f'quoter: "{market.v3.quoter}", fees: [3000, 500, 3000], via: [{there}]'
    long = f'quoter: "{market.v3.quoter}", fees: [3000, 500, 3000, 500, 3000], via: [{there}, {there}]'
    universal = f'address: "{market.universal_router}", permit2: "{market.permit2}"'
    return {
        "v2": f'{{router: v2, address: "{market.v2.router}"}}',
        "burning": f'{{router: v2, address: "{market.v2.router}", sell_token_fee_bps: 100}}',
        "v3": f'{{router: v3, address: "{market.v3.swap_router}", {v3}}}',
        "v3_02": f'{{router: v3_02, address: "{market.v3.swap_router_02}", {v3}}}',
        "universal_v3": f"{{router: universal_v3, {universal}, {v3}}}",
        "v3_path": f'{{router: v3, address: "{market.v3.swap_router}", {path}}}',
        "v3_02_path": f'{{router: v3_02, address: "{market.v3.swap_router_02}", {path}}}',
        "universal_long": f"{{router: universal_v3, {universal}, {long}}}",
        "universal_v2": f'{{router: universal_v2, {universal}, quoter: "{market.v2.router}"}}',
    }


def feed(market: Market) -> str:
    """Return the independent source as a file has it."""
    return f'{{chainlink: {{feed: "{market.eth_usd.proxy}", decimals: 8, max_age: 1h}}}}'


async def a_desk(
    market: Market, folder: Path, orders: Sequence[Order], *, bundler: str | None = None, private: str = ""
) -> Desk:
    """Write an operator's files and have each owner grant the session that `sessions new` makes."""
    devnet = market.devnet
    write_config(devnet, folder, a_key(), bundler_url=bundler)
    config = folder / "sessionkeeper.yaml"
    decimals = {"WETH": 18, "USDT": 6, "BURN": 18}
    tokens = "".join(
        f'      {name}: {{address: "{addresses(market)[name]}", decimals: {number}}}\n'
        for name, number in decimals.items()
    )
    kept = f'    private_bundler: "{private}"\n' if private else ""
    config.write_text(config.read_text().replace("    tokens:\n", f"{kept}    tokens:\n{tokens}"))
    traders = {order.name: await _a_trader(market, order) for order in orders}
    until = Timestamp(await chain.block_time(devnet) + MONTH_S)
    for order in orders:
        trader = traders[order.name]
        (folder / "jobs" / f"{order.name}.yaml").write_text(_text(market, order, trader))
        # A session for fewer slots than there are has none to spare.
        spare = 1 if order.periods is None else 0
        wish = Wish(order.periods, spare, until=None if "schedule" in order.more else until)
        await asyncio.to_thread(_grant, folder, order.name, trader, wish)
    return Desk(market, folder, traders)


async def _a_trader(market: Market, order: Order) -> Borrower:
    trader = await a_borrower(market)
    amount, symbol = order.pair[0].split()
    token = addresses(market)[symbol]
    decimals = 6 if symbol in ("USDC", "USDT") else 18
    # One part in fifty more, for what a token burns on its way.
    await give(market, token, trader.account.address, int(float(amount) * 10**decimals) * 51 // 50)
    return trader


def _text(market: Market, order: Order, trader: Borrower) -> str:
    sell, buy = order.pair
    return (
        f"id: {order.name}\nkind: {order.kind}\nchain: 31337\n"
        f'account: "{trader.account.address}"\nsession: {order.name}\n{order.more}'
        f'spec: {{sell: "{sell}", buy: {buy}, venue: {venues(market)[order.venue]}, {order.spec}}}\n'
    )


def _grant(folder: Path, name: str, trader: Borrower, wish: Wish) -> None:
    kind = trader.account.kind.name
    write_sessions(made_sessions(None, folder / "jobs" / f"{name}.yaml", None, kind, wish).sessions)
    owner_file = folder / f"{name}.key"
    owner_file.write_text("0x" + trader.owner_key.hex())
    assert granted(folder, name, OwnerKeys(owner_file)).is_enabled


async def buy_ether_on_v2(market: Market, dollars: int) -> None:
    """Have TRADER raise the price of the v2 pair."""
    await _swap_on_v2(market, dollars, [market.usdc, market.weth])


async def sell_ether_on_v2(market: Market, amount_wei: int) -> None:
    """Have TRADER lower the price of the v2 pair."""
    await _swap_on_v2(market, amount_wei, [market.weth, market.usdc])


async def _swap_on_v2(market: Market, amount: int, path: Sequence[Address]) -> None:
    call = abi_call(market.v2.router, V2_SWAP, amount, 0, list(path), TRADER, NO_DEADLINE)
    await transact(market.devnet.rpc_url, call, TRADER)


async def send_away(devnet: Devnet, trader: Borrower, token: Address, amount: int) -> None:
    """Have the owner move tokens out of the account."""
    call = abi_call(token, "transfer(address,uint256)", TRADER, amount)
    await send_as_owner(devnet, trader.account, [call])


__all__ = [
    "ETHER",
    "Desk",
    "Order",
    "a_desk",
    "addresses",
    "buy_ether_on_v2",
    "feed",
    "sell_ether_on_v2",
    "send_away",
    "venues",
]
