"""The doctor looks at one chain: node, clock, contracts, tokens, bundlers, paymasters."""

from collections.abc import AsyncIterator, Mapping

from agent.commands.doctor_endpoints import (
    examine_bundlers,
    examine_nodes,
    examine_stream,
    unencrypted,
)
from agent.commands.doctor_paymasters import examine_paymasters
from agent.commands.finding import Finding, fail, ok, warn
from agent.domain.errors import AgentError
from agent.domain.token import Token
from agent.domain.units import Address
from agent.pipeline.context import ChainContext
from agent.ports import Block, ChainReader

DECIMALS = bytes.fromhex("313ce567")
SKEW_BLOCKS = 5
SLOWEST_SKEW_S = 30


async def examine_chain(
    chain: ChainContext,
    tokens: Mapping[str, Token],
    contracts: Mapping[str, Address],
    block_time_s: int,
    wall_now: float | None,
) -> tuple[Finding, ...]:
    """Return the findings of a chain; without its node nothing else of it can be looked at.

    `wall_now` is None where chain time is the agent's clock and may be anything.
    """
    name = f"chain {chain.reader.chain_id}"
    try:
        remote = await chain.reader.remote_chain_id()
        if remote != chain.reader.chain_id:
            remedy = "name the right node under `rpc:`"
            return (fail(f"{name} rpc", f"the node serves chain {remote}", remedy),)
        head = await chain.reader.block("latest")
    except AgentError as error:
        return (fail(f"{name} rpc", str(error), "check the URL under `rpc:` and that the node runs"),)
    found = [ok(f"{name} rpc", f"block {head.number}"), *await examine_nodes(name, chain)]
    found += await examine_stream(name, chain)
    found += unencrypted(name, chain)
    if wall_now is not None:
        found.append(_clock(name, head, block_time_s, wall_now))
    found += [finding async for finding in _code(name, chain, contracts)]
    found += [finding async for finding in _tokens(name, chain.reader, tokens)]
    found += await examine_bundlers(name, chain)
    found += await examine_paymasters(name, chain)
    return tuple(found)


def _clock(name: str, head: Block, block_time_s: int, wall_now: float) -> Finding:
    skew_s = round(wall_now - head.timestamp)
    allowed_s = max(SLOWEST_SKEW_S, SKEW_BLOCKS * block_time_s)
    if skew_s > allowed_s:
        return warn(
            f"{name} clock", f"the newest block is {skew_s} s old", "the node lags or the chain stands"
        )
    if -skew_s > allowed_s:
        return fail(
            f"{name} clock", f"the newest block is {-skew_s} s ahead", "set this machine's clock (NTP)"
        )
    return ok(f"{name} clock", f"{skew_s} s behind this machine")


async def _code(name: str, chain: ChainContext, contracts: Mapping[str, Address]) -> AsyncIterator[Finding]:
    for contract, address in contracts.items():
        what = f"{name} {contract}"
        try:
            code = await chain.reader.code(address)
        except AgentError as error:
            yield fail(what, str(error), "try again; if it stays, use another node")
            continue
        if code:
            yield ok(what, f"{address}, {len(code)} bytes of code")
        else:
            yield fail(
                what, f"{address} has no code", "this chain lacks the contract, or the address is wrong"
            )


async def _tokens(name: str, reader: ChainReader, tokens: Mapping[str, Token]) -> AsyncIterator[Finding]:
    for symbol, token in tokens.items():
        what = f"{name} token {symbol}"
        if token.address is None:
            continue
        try:
            word = await reader.call(token.address, DECIMALS, "latest")
        except AgentError as error:
            yield fail(what, f"{token.address}: {error}", "check the address under `tokens:`")
            continue
        decimals = int.from_bytes(word[:32], "big") if len(word) >= 32 else None
        if decimals == token.decimals:
            yield ok(what, f"{token.address}, {decimals} decimals")
        else:
            message = f"the chain says {decimals} decimals, the configuration {token.decimals}"
            yield fail(what, message, "correct `decimals:`; every amount depends on it")
