"""A few JSON-RPC reads over http.client."""

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit


class Node:
    """One node, asked one thing at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._path = parts.path or "/"

    def ask(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON of any shape
        """Return the answer; raise RuntimeError on an error answer."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self._connection.request("POST", self._path, body, {"Content-Type": "application/json"})
        answer = json.loads(self._connection.getresponse().read())
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def logs(self, address: str, topics: list[str | None]) -> list[dict[str, Any]]:
        """Return all logs of the canonical chain that match."""
        query = {"address": address, "topics": topics, "fromBlock": "0x0", "toBlock": "latest"}
        return list(self.ask("eth_getLogs", query))

    def block_time(self, number: str = "latest") -> int:
        """Return the time of a block; `number` is 0x-hex or a tag."""
        without_transactions = False
        return int(self.ask("eth_getBlockByNumber", number, without_transactions)["timestamp"], 16)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
