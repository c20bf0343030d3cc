"""How the contracts read calls that no encoder writes."""

import pytest

from agent.domain.call import Call
from agent.domain.units import Address, Wei
from agent.erc7579.execution import encode_batch
from agent.smart_sessions.execution_shape import Frame, executions
from agent.smart_sessions.reverts import Revert

CALLS = [Call(Address(bytes([number]) * 20), Wei(number), b"") for number in (1, 2)]


def test_a_target_with_more_than_an_address_reverts_when_its_call_is_asked_about() -> None:
    data = encode_batch(CALLS)
    place = data.index(CALLS[1].target) - 1
    first, second = executions(Frame.of(data[:place] + b"\x01" + data[place + 1 :]))

    assert (first.target, second.value) == (CALLS[0].target, CALLS[1].value_wei)
    with pytest.raises(Revert) as reverted:
        _ = second.target
    assert reverted.value.data == b""
