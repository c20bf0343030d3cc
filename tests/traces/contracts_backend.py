"""Replay golden traces on contracts of a local chain, each sequence as one simulated run of blocks."""

import json
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
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
from agent.domain.units import Address
from tests.traces.encoding import SMART_SESSION, step_call
from tests.traces.replay import Report, replay
from tests.traces.views import view_call, view_value

STEP_GAS = 15_000_000
BLOCK_GAS = 1_000_000_000
BALANCE = 10**30
SEQUENCES_A_REQUEST = 20
CHAIN_START = 1_700_000_000

Json = dict[str, Any]
Answer = tuple[Json, list[Any]]


class AnsweredBackend:
    """Gives back, step by step, what the contracts answered to a sequence."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = iter(answers)
        self._views: Iterator[Any] = iter(())

    def apply(self, step: Json) -> Json:
        result, views = next(self._answers)
        self._views = iter(views)
        return result

    def view(self, view: Json) -> Any:  # noqa: ANN401 - JSON, in recorded order
        return next(self._views)


async def replay_on_contracts(sequences: Iterable[Json], contracts: Path | None = None) -> Report:
    """Replay on the stand-ins, or what the folder replaces of them, all sequences they suffice for."""
    codes = stand_in_codes(build_dir())
    if contracts is not None:
        codes |= runtime_codes(contracts, SESSION_CONTRACTS)
    missing = [str(address) for name, address in SESSION_CONTRACTS.items() if name not in codes]
    needs_missing = re.compile("|".join(missing), re.IGNORECASE)
    report, playable = Report(), []
    for sequence in sequences:
        if missing and needs_missing.search(json.dumps(sequence)):
            report.skipped += len(sequence["steps"])
        else:
            playable.append(sequence)
    async with _bare_chain({SESSION_CONTRACTS[name]: code for name, code in codes.items()}) as url:
        for start in range(0, len(playable), SEQUENCES_A_REQUEST):
            await _replay(url, playable[start : start + SEQUENCES_A_REQUEST], report)
    return report


@asynccontextmanager
async def _bare_chain(codes: Mapping[Address, bytes]) -> AsyncIterator[str]:
    # The recorded times lie ahead of the wall clock today, and behind it one day.
    options = DevnetOptions(block_time_s=0, starts_before_now_s=int(time.time()) - CHAIN_START)
    with TemporaryDirectory() as folder:
        async with running_anvil(devnet_dir(), Path(folder), options) as (_, url):
            await place(url, codes)
            yield url


async def _replay(url: str, sequences: Sequence[Json], report: Report) -> None:
    simulations = await rpc.batch(url, [_simulation(sequence) for sequence in sequences])
    for sequence, blocks in zip(sequences, simulations, strict=True):
        steps = zip(sequence["steps"], blocks, strict=True)
        answers = [_answer(step, block["calls"]) for step, block in steps]
        replay(sequence, AnsweredBackend(answers), report)


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
