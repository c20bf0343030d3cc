"""Calls as owners' wallets take them."""

from collections.abc import Sequence
from typing import Any

from agent.domain.call import Call
from agent.domain.units import Address, hex_from_bytes
from agent.erc7579.execution import encode_execute

Document = dict[str, Any]


def payload_document(account: Address, calls: Sequence[Call]) -> Document:
    """Return calls for the owner's wallet: one by one, and as one call of the account to itself."""
    execute = hex_from_bytes(encode_execute(calls)) if calls else None
    return {
        "calls": [call_document(call) for call in calls],
        "execute": None if execute is None else {"to": str(account), "value": 0, "data": execute},
    }


def call_document(call: Call) -> Document:
    """Return one call as wallets take it."""
    return {"to": str(call.target), "value": call.value_wei, "data": hex_from_bytes(call.data)}
