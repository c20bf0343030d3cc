"""The doctor looks at every node, stream and bundler by itself, and at whether the nodes say the same."""

import asyncio
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from agent.commands.finding import Finding, fail, ok, warn
from agent.domain.errors import AgentError, ChainUnavailable
from agent.domain.units import Address
from agent.erc4337.events import USER_OPERATION_EVENT
from agent.pipeline.context import ChainContext
from agent.ports import Bundler, ChainReader

LAG_BLOCKS = 5
COMPARED_BLOCKS = 100
_ENCRYPTED = {"http": "https", "ws": "wss"}
WAITS = "until they agree nothing about money is decided: replace the node that differs under `rpc:`"


async def examine_nodes(name: str, chain: ChainContext) -> tuple[Finding, ...]:
    """Return a finding for each node where there are several, and one for their agreement."""
    nodes = chain.endpoints.nodes
    if len(nodes) < 2:
        return ()
    heads = await asyncio.gather(*map(_head, nodes.values()))
    newest = max((head for head in heads if isinstance(head, int)), default=0)
    found = [_node(f"{name} node {node}", head, newest) for node, head in zip(nodes, heads, strict=True)]
    return (*found, await _agreement(name, chain))


async def _head(node: ChainReader) -> int | str:
    try:
        remote = await node.remote_chain_id()
        if remote != node.chain_id:
            return f"it serves chain {remote}"
        return (await node.block("latest")).number
    except ChainUnavailable as error:
        return str(error)


def _node(what: str, head: int | str, newest: int) -> Finding:
    if isinstance(head, str):
        return warn(what, head, "check its URL under `rpc:` and that it runs; the others are asked meanwhile")
    if newest - head > LAG_BLOCKS:
        return warn(what, f"block {head}, {newest - head} behind", "see why it lags; it is asked last")
    return ok(what, f"block {head}")


async def _agreement(name: str, chain: ChainContext) -> Finding:
    what = f"{name} agreement"
    if chain.agreement is None:
        return warn(what, "one node's word is enough", "set `quorum: 2`, so that two must say the same")
    try:
        final = await chain.agreed.finalized()
        head = await chain.agreed.block("latest")
        first = max(0, head.number - COMPARED_BLOCKS)
        logs = await chain.agreed.logs(chain.entry_point, ([USER_OPERATION_EVENT],), first, head.number)
        await chain.agreed.code(chain.entry_point, head.number)
    except ChainUnavailable as error:
        return fail(what, str(error), WAITS)
    return ok(what, f"block {head.number}, final {final.number}, {len(logs)} operations in the last blocks")


async def examine_bundlers(name: str, chain: ChainContext) -> tuple[Finding, ...]:
    """Return a finding for each bundler; one that fails is a warning while another works."""
    bundlers = chain.endpoints.bundlers.values() or chain.bundlers
    found = [await _bundler(f"{name} bundler {bundler.name}", bundler, chain) for bundler in bundlers]
    works = any(finding.level == "ok" for finding in found)
    return tuple(
        warn(finding.name, finding.message, finding.remedy) if works and finding.level == "fail" else finding
        for finding in found
    )


async def _bundler(what: str, bundler: Bundler, chain: ChainContext) -> Finding:
    try:
        supported = await bundler.supported_entry_points()
    except AgentError as error:
        return fail(what, str(error), "check the URL under `bundler:` and that the bundler runs")
    if chain.entry_point in supported:
        return ok(what, f"takes operations for {chain.entry_point}")
    remedy = f"use a bundler for EntryPoint {chain.version}, or set `entry_point:`"
    return fail(what, f"does not know EntryPoint {chain.entry_point}; it names {_list(supported)}", remedy)


async def examine_stream(name: str, chain: ChainContext) -> tuple[Finding, ...]:
    """Return a finding for the chain's stream of heads; without a sound one the heads are polled."""
    if chain.stream is None:
        return ()
    what = f"{name} stream {chain.stream.name}"
    try:
        remote = await chain.stream.check()
    except ChainUnavailable as error:
        return (warn(what, str(error), "check the URL under `rpc_ws:`; meanwhile the heads are polled"),)
    if remote != chain.reader.chain_id:
        # It would be believed that nothing is new for as long as the other chain's heads come.
        return (fail(what, f"it serves chain {remote}", "name a node of this chain under `rpc_ws:`"),)
    return (ok(what, "tells of new heads"),)


def unencrypted(name: str, chain: ChainContext) -> Iterator[Finding]:
    """Yield a warning for each endpoint on the open internet whose URL, key included, anybody may read."""
    named = [(standing.kind, standing.name) for standing in chain.endpoints.standings()]
    if chain.stream is not None:
        named.append(("stream", chain.stream.name))
    for kind, endpoint in named:
        parts = urlsplit(endpoint.split(" ")[0])
        if parts.scheme in _ENCRYPTED and _is_public(parts.hostname or ""):
            remedy = f"write {_ENCRYPTED[parts.scheme]}:// in its URL"
            yield warn(f"{name} {kind} {endpoint}", "is asked without encryption", remedy)


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        # A name without dots, or of a local zone, is a machine of the operator's own network.
        return "." in host and not host.endswith((".local", ".internal", ".lan", ".localhost"))


def _list(addresses: Iterable[Address]) -> str:
    return ", ".join(map(str, addresses)) or "none"
