"""Reads payments, sales and repayments from the chain through web3.py.

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
    {
        "type": "event",
        "name": "Repay",
        "anonymous": False,
        "inputs": [
            {"name": "reserve", "type": "address", "indexed": True},
            {"name": "user", "type": "address", "indexed": True},
            {"name": "repayer", "type": "address", "indexed": True},
            {"name": "amount", "type": "uint256", "indexed": False},
            {"name": "useATokens", "type": "bool", "indexed": False},
        ],
    },
    {
        "type": "function",
        "name": "getUserAccountData",
        "stateMutability": "view",
        "inputs": [{"name": "user", "type": "address"}],
        "outputs": [{"name": f"word{number}", "type": "uint256"} for number in range(6)],
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


@dataclass(frozen=True, slots=True)
class Sale:
    """What left the account and what came in, in one transaction with an operation of it."""

    transaction_hash: str
    sold: int
    bought: int
    """In the tokens' base units."""
    block: int


@dataclass(frozen=True, slots=True)
class Repayment:
    """What the lender says was paid back, and the health factor (1e18) around it."""

    transaction_hash: str
    amount: int
    health_before: int
    health_after: int
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
        succeeded = self._succeeded()
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

    def sales(self, sold_token: str) -> list[Sale]:
        """Return each sale of that token for the witness's own to one pool, oldest first."""
        succeeded = self._succeeded()
        received = {
            (log["transactionHash"], log["args"]["from"]): log["args"]["value"]
            for log in self._logs(self._token, "Transfer", to=self._account)
            if log["transactionHash"] in succeeded
        }
        return [
            Sale(
                transaction_hash=log["transactionHash"].to_0x_hex(),
                sold=log["args"]["value"],
                bought=received[log["transactionHash"], log["args"]["to"]],
                block=log["blockNumber"],
            )
            for log in self._logs(sold_token, "Transfer", **{"from": self._account})
            if (log["transactionHash"], log["args"]["to"]) in received
        ]

    def repayments(self, lender: str) -> list[Repayment]:
        """Return what Aave's pool got back of the account's debt, oldest first."""
        succeeded = self._succeeded()
        return [
            Repayment(
                transaction_hash=log["transactionHash"].to_0x_hex(),
                amount=log["args"]["amount"],
                health_before=self._health(lender, log["blockNumber"] - 1),
                health_after=self._health(lender, log["blockNumber"]),
                block=log["blockNumber"],
            )
            for log in self._logs(lender, "Repay", user=self._account)
            if log["transactionHash"] in succeeded
        ]

    def _succeeded(self) -> set[bytes]:
        operations = self._logs(self._entry_point, "UserOperationEvent", sender=self._account)
        return {log["transactionHash"] for log in operations if log["args"]["success"]}

    def _health(self, lender: str, block: int) -> int:
        contract = self._eth.contract(address=Web3.to_checksum_address(lender), abi=ABI)
        words = contract.functions.getUserAccountData(self._account).call(block_identifier=block)
        return int(words[5])

    def _logs(self, address: str, event: str, **filters: str) -> list[EventData]:
        contract = self._eth.contract(address=Web3.to_checksum_address(address), abi=ABI)
        return list(contract.events[event]().get_logs(from_block=0, argument_filters=filters))

    def _time_of(self, log: EventData) -> datetime:
        return datetime.fromtimestamp(self._eth.get_block(log["blockNumber"])["timestamp"], UTC)
