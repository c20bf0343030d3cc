"""Routers, Permit2 and odd tokens on the local chain behave as they do elsewhere."""

import pytest
from eth_abi.abi import encode

from agent.devnet import chain
from agent.devnet.accounts import address_of, sign_digest
from agent.devnet.defi.calls import TRADER, abi_call, act_for, approve_call, ask
from agent.devnet.defi.loans import give, give_weth
from agent.devnet.defi.market import ETHER, USDC, Market
from agent.devnet.defi.odd_tokens import set_blacklisted
from agent.devnet.defi.prices import sqrt_price_x96
from agent.devnet.defi.uniswap_v2 import amounts_out
from agent.devnet.defi.uniswap_v3 import quote, slot0
from agent.devnet.errors import DevnetError
from agent.devnet.tokens import mint_usdc, token_balance
from agent.devnet.transactions import read, transact, transact_all
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import Address

pytestmark = pytest.mark.devnet

SWAP_02 = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))"
V2_SWAP = "(uint256,uint256,address[],address,uint256)"
DETAILS = "PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)"
SINGLE = f"PermitSingle(PermitDetails details,address spender,uint256 sigDeadline){DETAILS}"
PERMIT_TYPES = "((address,uint160,uint48,uint48),address,uint256)"
V3_SWAP_EXACT_IN, PERMIT2_PERMIT = b"\x00", b"\x0a"
LATER = 2**40
TOO_LITTLE = "0x39d35496"


async def a_seller(market: Market, key: bytes) -> Address:
    """Return an account of this key for which the node sends, with ten wrapped ether."""
    seller = address_of(key)
    await act_for(market.devnet.rpc_url, seller)
    await give_weth(market, seller, 10 * ETHER)
    return seller


async def test_router_02_swaps_inside_a_deadline_and_above_a_floor(
    market_snapshot: Market, owner_key: bytes
) -> None:
    market, url = market_snapshot, market_snapshot.devnet.rpc_url
    router = market.v3.swap_router_02
    seller = await a_seller(market, owner_key)
    await transact(url, approve_call(market.weth, router), seller)
    quoted = await quote(url, market.v3, market.pool_3000, market.weth, ETHER)

    def sale(min_out: int, deadline: int) -> Call:
        terms = (market.weth, market.usdc, 3_000, seller, ETHER, min_out, 0)
        inner = abi_call(router, SWAP_02, terms).data
        return abi_call(router, "multicall(uint256,bytes[])", deadline, [inner])

    now = await chain.block_time(market.devnet)
    with pytest.raises(DevnetError, match="Too little received"):
        await transact(url, sale(quoted + 1, LATER), seller)
    with pytest.raises(DevnetError, match="Transaction too old"):
        await transact(url, sale(quoted, now - 1), seller)
    await transact(url, sale(quoted, LATER), seller)
    assert await token_balance(market.devnet, market.usdc, seller) == quoted


async def test_a_price_limit_fills_a_part(market_snapshot: Market, owner_key: bytes) -> None:
    market, url = market_snapshot, market_snapshot.devnet.rpc_url
    seller = await a_seller(market, owner_key)
    await give_weth(market, seller, 700 * ETHER)
    await transact(url, approve_call(market.weth, market.v3.swap_router_02), seller)
    lowest = 1_500 * USDC
    limit = sqrt_price_x96(*(amount for _, amount in sorted(((market.weth, ETHER), (market.usdc, lowest)))))
    terms = (market.weth, market.usdc, 3_000, seller, 700 * ETHER, 0, limit)
    await transact(url, abi_call(market.v3.swap_router_02, SWAP_02, terms), seller)
    assert (await slot0(url, market.pool_3000)).sqrt_price == limit
    assert 0 < await token_balance(market.devnet, market.weth, seller) < 710 * ETHER


async def test_v2_gives_what_it_says(market_snapshot: Market, owner_key: bytes) -> None:
    market, url, router = market_snapshot, market_snapshot.devnet.rpc_url, market_snapshot.v2.router
    seller = await a_seller(market, owner_key)
    path, held = [market.weth, market.usdc], abi_call(market.pair, "getReserves()")
    before = await ask(url, held, "uint112", "uint112", "uint32")
    said = await amounts_out(url, market.v2, ETHER, path)
    swap = abi_call(router, f"swapExactTokensForTokens{V2_SWAP}", ETHER, said[1], path, seller, LATER)
    await transact_all(url, [approve_call(market.weth, router), swap], seller)
    assert said[0] == ETHER
    assert await token_balance(market.devnet, market.usdc, seller) == said[1]
    after = await ask(url, held, "uint112", "uint112", "uint32")
    assert sum(after[:2]) - sum(before[:2]) == ETHER - said[1]


async def permit(market: Market, key: bytes, amount: int) -> tuple[object, bytes]:
    """Sign that the UniversalRouter may take WETH of the key's account through Permit2."""
    details, spender = (market.weth, amount, LATER, 0), market.universal_router
    separator = await read(market.devnet.rpc_url, market.permit2, keccak256(b"DOMAIN_SEPARATOR()")[:4])
    types = ["bytes32", "address", "uint160", "uint48", "uint48"]
    inner = keccak256(encode(types, [keccak256(DETAILS.encode()), *details]))
    values = [keccak256(SINGLE.encode()), inner, spender, LATER]
    struct = keccak256(encode(["bytes32", "bytes32", "address", "uint256"], values))
    return (details, spender, LATER), sign_digest(key, keccak256(b"\x19\x01" + separator + struct))


async def test_the_universal_router_takes_what_permit2_permits(
    market_snapshot: Market, owner_key: bytes
) -> None:
    market, url = market_snapshot, market_snapshot.devnet.rpc_url
    seller = await a_seller(market, owner_key)
    await transact(url, approve_call(market.weth, market.permit2), seller)
    quoted = await quote(url, market.v3, market.pool_3000, market.weth, ETHER)
    permitted = encode([PERMIT_TYPES, "bytes"], await permit(market, owner_key, ETHER))
    path = market.weth + (3_000).to_bytes(3, "big") + market.usdc

    def execute(min_out: int, deadline: int) -> Call:
        types = ["address", "uint256", "uint256", "bytes", "bool"]
        sale = encode(types, [seller, ETHER, min_out, path, True])
        signature, commands = "execute(bytes,bytes[],uint256)", PERMIT2_PERMIT + V3_SWAP_EXACT_IN
        return abi_call(market.universal_router, signature, commands, [permitted, sale], deadline)

    with pytest.raises(DevnetError, match=TOO_LITTLE):
        await transact(url, execute(quoted + 1, LATER), seller)
    with pytest.raises(DevnetError, match="0x5bf6f916"):
        await transact(url, execute(quoted, 1), seller)
    receipt = await transact(url, execute(quoted, LATER), seller)
    assert await token_balance(market.devnet, market.usdc, seller) == quoted
    # 177,408 gas where the facts come from; another pool and other balances cost a little more or less.
    assert 140_000 < int(receipt["gasUsed"], 16) < 220_000
    with pytest.raises(DevnetError):
        await transact(url, execute(0, LATER), seller)


async def test_a_token_that_answers_nothing_is_sold_by_every_router(
    market_snapshot: Market, owner_key: bytes
) -> None:
    market, devnet, token = market_snapshot, market_snapshot.devnet, market_snapshot.odd.no_return
    url = devnet.rpc_url
    seller = await a_seller(market, owner_key)
    await give(market, token, seller, 5_000 * USDC)
    assert await read(url, token, abi_call(token, "transfer(address,uint256)", TRADER, 0).data) == b""
    quoted = await quote(url, market.v3, market.odd.pool_no_return, token, 2_000 * USDC)
    terms = (token, market.weth, 3_000, seller, 2_000 * USDC, quoted, 0)
    calls = [
        approve_call(token, market.v3.swap_router_02),
        abi_call(market.v3.swap_router_02, SWAP_02, terms),
    ]
    await transact_all(url, calls, seller)
    path = [token, market.weth]
    (_, said) = await amounts_out(url, market.v2, 1_000 * USDC, path)
    swap = abi_call(
        market.v2.router, f"swapExactTokensForTokens{V2_SWAP}", 1_000 * USDC, said, path, seller, LATER
    )
    await transact_all(url, [approve_call(token, market.v2.router), swap], seller)
    assert await token_balance(devnet, market.weth, seller) == 10 * ETHER + quoted + said
    assert await token_balance(devnet, token, seller) == 2_000 * USDC


async def test_a_token_that_burns_arrives_short_and_needs_its_own_swap(
    market_snapshot: Market, owner_key: bytes
) -> None:
    market, devnet, token = market_snapshot, market_snapshot.devnet, market_snapshot.odd.deflating
    url, router = devnet.rpc_url, market.v2.router
    seller = await a_seller(market, owner_key)
    await give(market, token, seller, 1_000 * ETHER)
    assert await token_balance(devnet, token, seller) == 990 * ETHER
    await transact(url, approve_call(token, router), seller)
    path = [token, market.weth]
    (_, said) = await amounts_out(url, market.v2, 495 * ETHER, path)
    terms = (500 * ETHER, said, path, seller, LATER)
    plain = abi_call(router, f"swapExactTokensForTokens{V2_SWAP}", *terms)
    with pytest.raises(DevnetError, match="UniswapV2: K"):
        await transact(url, plain, seller)
    name = f"swapExactTokensForTokensSupportingFeeOnTransferTokens{V2_SWAP}"
    await transact(url, abi_call(router, name, *terms), seller)
    assert await token_balance(devnet, market.weth, seller) == 10 * ETHER + said


async def test_who_is_on_the_blacklist_gets_and_sends_no_usdc(
    market_snapshot: Market, owner_key: bytes
) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    holder = await a_seller(market, owner_key)
    await mint_usdc(devnet, holder, 10 * USDC)
    await set_blacklisted(devnet, holder, is_blacklisted=True)
    reason = "Blacklistable: account is blacklisted"
    with pytest.raises(DevnetError, match=reason):
        await give(market, market.usdc, holder, USDC)
    back = abi_call(market.usdc, "transfer(address,uint256)", TRADER, USDC)
    with pytest.raises(DevnetError, match=reason):
        await transact(devnet.rpc_url, back, holder)
    await set_blacklisted(devnet, holder, is_blacklisted=False)
    await transact(devnet.rpc_url, back, holder)
    assert await token_balance(devnet, market.usdc, holder) == 9 * USDC
