"""Ask the node to play turns from its head on, each in a block of its own, and to forget them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.devnet import rpc
from agent.devnet.keys import DEPLOYER
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Timestamp, bytes_from_hex
from tests.differential.stage import PAYMASTER, Stage

CALL_GAS, BLOCK_GAS = 50_000_000, 10_000_000_000
BALANCE_WEI = 10**30
DEPOSIT_TO = keccak256(b"depositTo(address)")[:4]


@dataclass(frozen=True, slots=True)
class Message:
    """One transaction."""

    sender: Address
    target: Address
    data: bytes
    value_wei: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of it: its return or revert data, and its logs."""

    ok: bool
    data: bytes
    logs: tuple[tuple[tuple[bytes, ...], bytes], ...]
    """Topics and data."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Messages, and what is wrong with the answers to them (None if nothing)."""

    messages: tuple[Message, ...]
    wrong: Callable[[Sequence[Answer]], str | None]


@dataclass(frozen=True, slots=True)
class Turn:
    """All messages of one block."""

    at: Timestamp
    base_fee: int
    asks: tuple[Ask, ...]


async def played(stage: Stage, plays: Sequence[Sequence[Turn]]) -> list[list[str | None]]:
    """Play each row of turns from the node's head; return by turn what is wrong with it."""
    # One request each: a body of more than a megabyte would hold the event loop.
    requests = [rpc.batch(stage.rpc_url, [_request(stage, turns)]) for turns in plays]
    results = [found for (found,) in await asyncio.gather(*requests)]
    return [
        [_wrong(turn, block["calls"]) for turn, block in zip(turns, blocks[1:], strict=True)]
        for turns, blocks in zip(plays, results, strict=True)
    ]


def _wrong(turn: Turn, calls: Sequence[Mapping[str, Any]]) -> str | None:
    answers = iter([_answer(call) for call in calls])
    found = [ask.wrong([next(answers) for _ in ask.messages]) for ask in turn.asks]
    return "; ".join(item for item in found if item) or None


def _answer(call: Mapping[str, Any]) -> Answer:
    logs = tuple(
        (tuple(bytes_from_hex(topic) for topic in log["topics"]), bytes_from_hex(log["data"]))
        for log in call.get("logs", ())
    )
    return Answer(call["status"] == "0x1", bytes_from_hex(call["returnData"]), logs)


def _request(stage: Stage, turns: Sequence[Turn]) -> rpc.Request:
    deposit = Message(
        DEPLOYER.address, stage.entry_point, DEPOSIT_TO + bytes(12) + PAYMASTER, BALANCE_WEI // 2
    )
    first = _block(Turn(stage.start, turns[0].base_fee if turns else 0, (Ask((deposit,), _no_check),)))
    rich = {"balance": hex(BALANCE_WEI)}
    owners = [DEPLOYER.address, *(account.address for account in stage.accounts.values())]
    first["stateOverrides"] = {str(address): rich for address in owners} | {
        str(address): {"code": "0x" + code.hex()} for address, code in stage.codes.items()
    }
    # Only a validated call pays the base fee, and only a call that pays it sees it.
    calls = {"blockStateCalls": [first, *map(_block, turns)], "validation": True}
    return rpc.Request("eth_simulateV1", (calls, "latest"))


def _no_check(_: Sequence[Answer]) -> None:
    return None


def _block(turn: Turn) -> dict[str, Any]:
    fee = hex(turn.base_fee)
    return {
        "blockOverrides": {"time": hex(turn.at), "baseFeePerGas": fee, "gasLimit": hex(BLOCK_GAS)},
        "calls": [
            {
                "from": str(message.sender),
                "to": str(message.target),
                "input": "0x" + message.data.hex(),
                "value": hex(message.value_wei),
                "gas": hex(CALL_GAS),
                "gasPrice": fee,
            }
            for ask in turn.asks
            for message in ask.messages
        ],
    }
