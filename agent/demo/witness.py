"""Reads the payments from the chain. It shares no code with the agent: it is here to contradict it.

A linter contract keeps every import of the agent out of this file.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
USER_OPERATION = "0x49628fd1471006c1482da88028e9ce4dbb080b815c9b0344d39e5a8e6ec1419f"
SUCCESS_WORD = 1
"""Of UserOperationEvent's data: nonce, success, actualGasCost, actualGasUsed."""


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
        self._url = urlsplit(rpc_url)
        self._entry_point = entry_point
        self._token = token
        self._account = account
        self._payee = payee

    def payments(self, time_zone: str) -> list[Payment]:
        """Return every payment on the canonical chain; months are those of the zone."""
        operations = self._logs(self._entry_point, [USER_OPERATION, None, _topic(self._account)])
        succeeded = {log["transactionHash"] for log in operations if _word(log, SUCCESS_WORD)}
        transfers = self._logs(self._token, [TRANSFER, _topic(self._account), _topic(self._payee)])
        return [
            Payment(
                month=f"{self._time_of(log['blockNumber']).astimezone(ZoneInfo(time_zone)):%Y-%m}",
                transaction_hash=log["transactionHash"],
                amount=_word(log, 0),
                block=int(log["blockNumber"], 16),
            )
            for log in transfers
            if log["transactionHash"] in succeeded
        ]

    def _logs(self, address: str, topics: list[str | None]) -> list[dict[str, Any]]:
        query = {"address": address, "topics": topics, "fromBlock": "0x0", "toBlock": "latest"}
        return list(self._ask("eth_getLogs", query))

    def _time_of(self, block: str) -> datetime:
        without_transactions = False
        header = self._ask("eth_getBlockByNumber", block, without_transactions)
        return datetime.fromtimestamp(int(header["timestamp"], 16), UTC)

    def _ask(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON of any shape
        connection = HTTPConnection(self._url.hostname or "", self._url.port, timeout=30)
        try:
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())["result"]
        finally:
            connection.close()


def _topic(address: str) -> str:
    return "0x" + address.removeprefix("0x").lower().rjust(64, "0")


def _word(log: dict[str, Any], number: int) -> int:
    start = 2 + 64 * number
    return int(log["data"][start : start + 64], 16)
