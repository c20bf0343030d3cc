"""What the integration tests share."""

import json
import urllib.request
from collections.abc import Iterator

import pytest

from tests.devnet import devnet, devnet_snapshot, owner_key
from tests.market import market, market_snapshot
from tests.pace import quick_looks

__all__ = ["devnet", "devnet_snapshot", "market", "market_snapshot", "owner_key", "quick_looks"]


@pytest.fixture(autouse=True)
def _nothing_left_on_its_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have the bundler forget what a test left with it: the next one counts the same payee's tokens."""
    yield
    if "devnet" in request.fixturenames:
        url = request.getfixturevalue("devnet").bundler_url
        call = {"jsonrpc": "2.0", "id": 1, "method": "debug_bundler_clearState", "params": []}
        body = json.dumps(call).encode()
        ask = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310 - on this machine
        with urllib.request.urlopen(ask, timeout=60) as answer:  # noqa: S310 - on this machine
            assert json.load(answer)["result"] == "ok"
