"""Several nodes and bundlers on the local chain: one is down, one lies, and money goes on or waits."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.commands.doctor_endpoints import examine_bundlers, examine_nodes
from agent.commands.finding import Finding
from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.domain.errors import NodesDisagree
from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.erc4337.bundler_actions import SOON_S
from agent.erc4337.calldata import GET_NONCE, VALIDATE_USER_OP
from agent.pipeline.follow import LogScan
from agent.pipeline.second_look import BLOCKS_AT_A_TIME
from tests.devnet import HAPPENS_WITHIN_S, POLL_S
from tests.integration.paying import Paying, due_jobs, paying
from tests.integration.proxies import Answer, Asked, proxy
from tests.operator import CHAIN_ID, PAYEE, Operator, an_operator

pytestmark = [pytest.mark.devnet, pytest.mark.asyncio(loop_scope="session")]
NOBODY = "http://127.0.0.1:9"
ONE_USDC = 1_000_000
AN_END = 4_000_000_000


async def an_operator_with(
    devnet: Devnet, folder: Path, *, rpc: Sequence[str] = (), bundler: Sequence[str] = ()
) -> Operator:
    """Make an operator whose configuration names these endpoints in place of the devnet's own."""
    operator = await an_operator(devnet, folder, due_jobs(["rent"]))
    text = operator.config.read_text()
    for name, url, urls in (("rpc", devnet.rpc_url, rpc), ("bundler", devnet.bundler_url, bundler)):
        listed = ", ".join(f'"{item}"' for item in urls or [url])
        assert f'{name}: "{url}"' in text
        text = text.replace(f'{name}: "{url}"', f"{name}: [{listed}]")
    operator.config.write_text(text)
    return operator


async def newest(worker: Paying) -> Occurrence:
    return await worker.world.services.journal.occurrence(worker.runs["rent"].id)


async def looked(worker: Paying, scan: LogScan) -> Occurrence:
    """Follow the run once, as the worker does at each head."""
    return await worker.look(await newest(worker), scan)


async def followed_to(worker: Paying, state: State) -> Occurrence:
    """Look until the run is in a state."""
    scan, run = LogScan(), await newest(worker)
    async with asyncio.timeout(HAPPENS_WITHIN_S):
        while run.state is not state:
            run = await looked(worker, scan)
            await asyncio.sleep(POLL_S)
    return run


async def until_taken(devnet: Devnet, worker: Paying) -> None:
    """Let time pass until the next bundler is asked, and that as often as none has answered."""
    async with asyncio.timeout(HAPPENS_WITHIN_S):
        while (await newest(worker)).code == "unknown":
            await chain.increase_time(devnet, SOON_S)
            await looked(worker, LogScan())


def without_logs(asked: Asked, told: Answer) -> Answer:
    return {**told, "result": []} if asked["method"] == "eth_getLogs" else told


def without_logs_of_wide_ranges(asked: Asked, told: Answer) -> Answer:
    if asked["method"] != "eth_getLogs":
        return told
    first, last = (int(asked["params"][0][name], 16) for name in ("fromBlock", "toBlock"))
    return {**told, "result": []} if last - first >= BLOCKS_AT_A_TIME else told


def with_another_nonce(asked: Asked, told: Answer) -> Answer:
    if asked["method"] != "eth_call" or GET_NONCE.hex() not in asked["params"][0]["data"]:
        return told
    # Alone or through Multicall3, the nonce is the last word of the answer.
    digits = len(told["result"]) - len("0x")
    return {**told, "result": f"0x{int(told['result'], 16) + 1:0{digits}x}"}


def with_an_early_end(asked: Asked, told: Answer) -> Answer:
    """Say that what the session's module accepts is void from some time on."""
    call = asked["params"][0] if asked["method"] == "eth_call" else {"data": ""}
    if not call["data"].startswith(f"0x{VALIDATE_USER_OP.hex()}") or "error" in told:
        return told
    authorizer = int(told["result"], 16) & (2**160 - 1)
    return {**told, "result": f"0x{AN_END << 160 | authorizer:064x}"}


def far_behind(asked: Asked, told: Answer) -> Answer:
    """Say that the head is one of a minute ago: no machine is so slow that it was not seen by then."""
    if asked["method"] != "eth_getBlockByNumber" or asked["params"][0] != "latest":
        return told
    header = told["result"]
    return {**told, "result": {**header, "number": hex(max(0, int(header["number"], 16) - 600))}}


async def test_the_second_bundler_takes_the_same_bytes_when_the_first_swallows_them(
    devnet: Devnet, tmp_path: Path
) -> None:
    before = await token_balance(devnet, devnet.usdc, PAYEE)
    async with proxy(devnet.bundler_url) as first, proxy(devnet.bundler_url) as second:
        operator = await an_operator_with(devnet, tmp_path, bundler=[first.url, second.url])
        async with paying(operator) as worker:
            first.swallows = True
            sent = await worker.pay("rent")
            assert (sent.state, sent.code) == (State.SENT, "unknown")
            await until_taken(devnet, worker)
            paid = await followed_to(worker, State.FINAL_OK)
            (signed,) = await worker.world.services.journal.operations(paid.id)

    lost, taken = (one.params_of("eth_sendUserOperation") for one in (first, second))
    assert lost
    # Once, or more often where it was slow to include them.
    assert taken
    assert all(one == lost[0] for one in taken)
    assert signed.user_op_hash == paid.user_op_hash
    assert await token_balance(devnet, devnet.usdc, PAYEE) - before == ONE_USDC


async def test_a_dead_bundler_costs_no_payment(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_with(devnet, tmp_path, bundler=[NOBODY, devnet.bundler_url])
    async with paying(operator) as worker:
        await worker.pay("rent")
        await until_taken(devnet, worker)
        await followed_to(worker, State.FINAL_OK)

        standings = worker.world.chains[CHAIN_ID].endpoints.standings()
        assert [one.healthy for one in standings if one.kind == "bundler"] == [False, True]


async def test_a_dead_node_costs_no_payment_where_two_others_agree(devnet: Devnet, tmp_path: Path) -> None:
    async with proxy(devnet.rpc_url) as second:
        operator = await an_operator_with(devnet, tmp_path, rpc=[NOBODY, devnet.rpc_url, second.url])
        async with paying(operator) as worker:
            await worker.pay("rent")

            assert (await followed_to(worker, State.FINAL_OK)).inclusion is not None


async def test_nothing_is_signed_while_two_nodes_tell_another_nonce(devnet: Devnet, tmp_path: Path) -> None:
    async with proxy(devnet.rpc_url, with_another_nonce) as liar:
        operator = await an_operator_with(devnet, tmp_path, rpc=[devnet.rpc_url, liar.url])
        async with paying(operator) as worker:
            waits = await worker.pay("rent")
            assert (waits.state, waits.code, waits.user_op_hash) == (State.DUE, "nodes_disagree", None)

            liar.lie = None
            assert (await worker.pay("rent")).state is State.SENT
            await followed_to(worker, State.FINAL_OK)


async def test_nothing_is_signed_while_two_nodes_tell_another_end_of_it(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with proxy(devnet.rpc_url, with_an_early_end) as liar:
        operator = await an_operator_with(devnet, tmp_path, rpc=[liar.url, devnet.rpc_url])
        async with paying(operator) as worker:
            waits = await worker.pay("rent")
            assert (waits.state, waits.code, waits.user_op_hash) == (State.DUE, "nodes_disagree", None)

            liar.lie = None
            paid = await worker.pay("rent")
            (signed,) = await worker.world.services.journal.operations(paid.id)
            assert paid.state is State.SENT
            assert signed.valid_until not in (None, AN_END)
            await followed_to(worker, State.FINAL_OK)


async def test_a_node_without_the_log_neither_loses_nor_repeats_a_payment(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with proxy(devnet.rpc_url) as liar, proxy(devnet.bundler_url) as bundler:
        operator = await an_operator_with(
            devnet, tmp_path, rpc=[devnet.rpc_url, liar.url], bundler=[bundler.url]
        )
        async with paying(operator) as worker:
            sent = await worker.pay("rent")
            assert await worker.included(operator, sent)
            liar.lie = without_logs
            with pytest.raises(NodesDisagree, match="logs"):
                await followed_to(worker, State.INCLUDED_OK)
            assert await newest(worker) == sent

            liar.lie = None
            await followed_to(worker, State.FINAL_OK)

    first, *again = bundler.params_of("eth_sendUserOperation")
    # What is slow to be included is sent again, to the byte.
    assert all(one == first for one in again)


async def test_a_payment_that_a_wide_log_range_leaves_out_is_found_and_not_foreign(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with proxy(devnet.rpc_url, without_logs_of_wide_ranges) as node:
        operator = await an_operator_with(devnet, tmp_path, rpc=[node.url])
        async with paying(operator) as worker:
            assert await worker.included(operator, await worker.pay("rent"))
            await chain.mine(devnet, BLOCKS_AT_A_TIME)
            run = await looked(worker, LogScan())

    assert (run.state, run.user_op_hash) == (State.INCLUDED_OK, run.inclusion and run.inclusion.user_op_hash)


async def test_nothing_is_decided_while_a_node_that_must_agree_is_behind(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with proxy(devnet.rpc_url) as late:
        operator = await an_operator_with(devnet, tmp_path, rpc=[devnet.rpc_url, late.url])
        async with paying(operator) as worker:
            await worker.world.chains[CHAIN_ID].agreed.block("latest")
            late.lie = far_behind
            waits = await worker.pay("rent")

    assert (waits.state, waits.code) == (State.DUE, "chain_unavailable")
    assert "a newer was seen before" in waits.reason


async def test_nothing_is_signed_on_an_old_head(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_with(devnet, tmp_path)
    async with paying(operator) as worker:
        jobs, here = worker.world.jobs, worker.world.chains[CHAIN_ID]
        # By chain time no head is old: any age is too much.
        old = replace(jobs["rent"], chain=replace(here, max_head_age_s=-1))
        waits = await replace(worker, world=replace(worker.world, jobs={"rent": old})).pay("rent")

    assert (waits.state, waits.code, waits.user_op_hash) == (State.DUE, "head_stale", None)


def levels(findings: Sequence[Finding]) -> list[str]:
    return [str(finding.level) for finding in findings]


async def test_the_doctor_looks_at_every_endpoint_and_at_what_the_nodes_agree_on(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with proxy(devnet.rpc_url) as second:
        operator = await an_operator_with(
            devnet, tmp_path, rpc=[devnet.rpc_url, second.url, NOBODY], bundler=[NOBODY, devnet.bundler_url]
        )
        async with paying(operator) as worker:
            here = worker.world.chains[CHAIN_ID]
            assert levels(await examine_nodes("chain", here)) == ["ok", "ok", "warn", "ok"]
            assert levels(await examine_bundlers("chain", here)) == ["warn", "ok"]

            second.lie = far_behind
            found = await examine_nodes("chain", here)

    assert levels(found) == ["ok", "warn", "warn", "fail"]
    assert "behind" in found[1].message
