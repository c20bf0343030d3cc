"""What EntryPoint 0.7 returns when an operation of a session is not in order: every row, byte for byte."""

import pytest

from agent.devnet.devnet import Devnet
from tests.integration.conformance import authority, calls, policies, safe7579
from tests.integration.conformance.row import Row
from tests.integration.scenes import revert_data

ROWS = [*policies.ROWS, *calls.ROWS, *authority.ROWS, *safe7579.ROWS]

pytestmark = pytest.mark.devnet


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_entry_point_returns(devnet: Devnet, row: Row) -> None:
    ops, expected = await row.prepare(devnet)

    answer = await revert_data(devnet, ops)

    assert answer is not None, "the bundle passes"
    assert answer.hex() == expected.hex()
