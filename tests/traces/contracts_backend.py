"""Replay golden traces on contracts of a local chain, each sequence as one simulated run of blocks."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent.devnet import rpc
from agent.devnet.addresses import SESSION_CONTRACTS
from agent.devnet.anvil import running_anvil
from agent.devnet.contracts_dir import runtime_codes
from agent.devnet.deploy import place
from agent.devnet.options import DevnetOptions
from agent.devnet.paths import build_dir, devnet_dir
from agent.devnet.stand_ins import stand_in_codes
from tests.traces.encoding import SMART_SESSION, step_call
from tests.traces.views import view_call, view_value

STEP_GAS = 15_000_000
BLOCK_GAS = 1_000_000_000
BALANCE = 10**30
SEQUENCES_A_REQUEST = 20
CHAIN_START = 1_700_000_000

Json = dict[str, Any]
Answer = tuple[Json, list[Any]]


@asynccontextmanager
async def contracts_chain(contracts: Path | None = None) -> AsyncIterator[str]:
    """Run a bare local chain with the stand-ins, or what the folder replaces of them; give its URL."""
    codes = stand_in_codes(build_dir())
    if contracts is not None:
        codes |= runtime_codes(contracts, SESSION_CONTRACTS)
    options = DevnetOptions(block_time_s=0, starts_before_now_s=int(time.time()) - CHAIN_START)
    with TemporaryDirectory() as folder:
        async with running_anvil(devnet_dir(), Path(folder), options) as (_, url):
            await place(url, {SESSION_CONTRACTS[name]: code for name, code in codes.items()})
            yield url


async def replayed(url: str, sequences: Sequence[Json]) -> AsyncIterator[tuple[Json, list[Answer]]]:
    """Yield each sequence with the result and the view values of each of its steps."""
    for start in range(0, len(sequences), SEQUENCES_A_REQUEST):
        part = sequences[start : start + SEQUENCES_A_REQUEST]
        simulations = await rpc.batch(url, [_simulation(sequence) for sequence in part])
        for sequence, blocks in zip(part, simulations, strict=True):
            steps = zip(sequence["steps"], blocks, strict=True)
            yield sequence, [_answer(step, block["calls"]) for step, block in steps]


def agrees(recorded: Mapping[str, Any], answered: Mapping[str, Any]) -> bool:
    """Compare results. Where gas runs out is the compiler's business: it counts as a revert without data."""
    return {**recorded, "halt": ""} == {**answered, "halt": ""}


def _simulation(sequence: Json) -> rpc.Request:
    rich = {sequence["account"]: {"balance": hex(BALANCE)}}
    blocks = [_block(sequence, step) for step in sequence["steps"]]
    blocks[0]["stateOverrides"] = rich
    # Only a validated call pays the base fee, and only a call that pays it sees it.
    return rpc.Request("eth_simulateV1", ({"blockStateCalls": blocks, "validation": True}, "latest"))


def _block(sequence: Json, step: Json) -> Json:
    account, base_fee = sequence["account"], hex(step["base_fee"])
    calls = [(SMART_SESSION, step_call(sequence, step))]
    calls += [(view["policy"], view_call(account, view)) for view in step["views"]]
    paid = {"from": account, "gas": hex(STEP_GAS), "gasPrice": base_fee}
    return {
        "blockOverrides": {
            "time": hex(step["timestamp"]),
            "baseFeePerGas": base_fee,
            "gasLimit": hex(BLOCK_GAS),
        },
        "calls": [{**paid, "to": to, "input": "0x" + data.hex()} for to, data in calls],
    }


def _answer(step: Json, calls: Sequence[Json]) -> Answer:
    views = zip(step["views"], calls[1:], strict=True)
    return _result(step["kind"], calls[0]), [_view(view, call) for view, call in views]


def _result(kind: str, call: Json) -> Json:
    if call["status"] != "0x1":
        return {"revert": call["returnData"]}
    return {"validation_data": call["returnData"]} if kind == "op" else {"ok": True}


def _view(view: Json, call: Json) -> Any:  # noqa: ANN401 - JSON of many shapes
    if call["status"] != "0x1":
        return {"revert": call["returnData"]}
    return view_value(view, bytes.fromhex(call["returnData"][2:]))
