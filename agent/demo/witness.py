"""Reads the payments from the chain through web3.py.

It shares no code with the agent: it is here to contradict it. A linter contract keeps every
import of the agent out of this file.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from web3 import HTTPProvider, Web3
from web3.types import EventData

ABI: Any = [
    {
        "type": "event",
        "name": "Transfer",
        "anonymous": False,
        "inputs": [
            {"name": "from", "type": "address", "indexed": True},
            {"name": "to", "type": "address", "indexed": True},
            {"name": "value", "type": "uint256", "indexed": False},
        ],
    },
    {
        "type": "event",
        "name": "UserOperationEvent",
        "anonymous": False,
        "inputs": [
            {"name": "userOpHash", "type": "bytes32", "indexed": True},
            {"name": "sender", "type": "address", "indexed": True},
            {"name": "paymaster", "type": "address", "indexed": True},
            {"name": "nonce", "type": "uint256", "indexed": False},
            {"name": "success", "type": "bool", "indexed": False},
            {"name": "actualGasCost", "type": "uint256", "indexed": False},
            {"name": "actualGasUsed", "type": "uint256", "indexed": False},
        ],
    },
]


@dataclass(frozen=True, slots=True)
class Payment:
    """One Transfer in a transaction that held a successful operation of the account."""

    month: str
    transaction_hash: str
    amount: int
    """In the token's base units."""
    block: int


class Witness:
    """Looks at one account, one payee and one token."""

    def __init__(self, rpc_url: str, entry_point: str, token: str, account: str, payee: str) -> None:
        """Take the node's URL and four addresses as 0x-hex."""
        self._eth = Web3(HTTPProvider(rpc_url)).eth
        self._entry_point = entry_point
        self._token = token
        self._account = account
        self._payee = payee

    def payments(self, time_zone: str) -> list[Payment]:
        """Return every payment on the canonical chain; months are those of the zone."""
        operations = self._logs(self._entry_point, "UserOperationEvent", sender=self._account)
        succeeded = {log["transactionHash"] for log in operations if log["args"]["success"]}
        filters = {"from": self._account, "to": self._payee}
        return [
            Payment(
                month=f"{self._time_of(log).astimezone(ZoneInfo(time_zone)):%Y-%m}",
                transaction_hash=log["transactionHash"].to_0x_hex(),
                amount=log["args"]["value"],
                block=log["blockNumber"],
            )
            for log in self._logs(self._token, "Transfer", **filters)
            if log["transactionHash"] in succeeded
        ]

    def _logs(self, address: str, event: str, **filters: str) -> list[EventData]:
        contract = self._eth.contract(address=Web3.to_checksum_address(address), abi=ABI)
        return list(contract.events[event]().get_logs(from_block=0, argument_filters=filters))

    def _time_of(self, log: EventData) -> datetime:
        return datetime.fromtimestamp(self._eth.get_block(log["blockNumber"])["timestamp"], UTC)
