"""What the contracts would answer to the reads of a grant, from the model's state."""

from collections.abc import Callable
from typing import Any

from eth_abi.abi import encode

from agent.domain.call import Call
from agent.domain.units import ZERO_ADDRESS, Address, Hash32
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.grant import Grant, reads
from agent.smart_sessions.model import Model
from agent.smart_sessions.policies import (
    arg,
    contract_whitelist,
    erc20_spending_limit,
    simple_gas,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.arg_tree import pack
from agent.smart_sessions.state import SessionState
from agent.smart_sessions.views import (
    ACTION_POLICIES,
    ENABLE_NONCE,
    ENABLED_ACTIONS,
    ERC1271_POLICIES,
    IS_PERMISSION_ENABLED,
    PERMISSION_IDS,
    SESSION_VALIDATOR_AND_CONFIG,
    USER_OP_POLICIES,
)

TREE = "(uint8,(uint8,uint64,bool,bytes32,(uint256,uint256))[],uint256[])"


def answers_of(model: Model, grant: Grant) -> list[bytes | None]:
    """Answer every read of the grant."""
    return [answer(model, read) for read in reads(grant)]


def answer(model: Model, read: Call) -> bytes | None:
    """Answer one read of SmartSession or of a policy."""
    if read.target == SMART_SESSION:
        return _session_answer(model, read.data)
    state = model.state.policies.get((read.target, Hash32(read.data[4:36])))
    return None if state is None else _POLICY_ANSWERS[read.target](state, read.data)


def _session_answer(model: Model, data: bytes) -> bytes:
    selector, first, second = data[:4], Hash32(data[4:36]), Hash32(data[36:68])
    if selector == IS_PERMISSION_ENABLED:
        return encode(["bool"], [first in model.state.sessions])
    if selector == PERMISSION_IDS:
        return encode(["bytes32[]"], [list(model.state.sessions)])
    if selector == ENABLE_NONCE:
        return encode(["uint256"], [0])
    session = model.state.sessions.get(second) or SessionState(ZERO_ADDRESS, b"")
    if selector == SESSION_VALIDATOR_AND_CONFIG:
        return encode(["address", "bytes"], [session.validator, session.validator_init_data])
    if selector == ENABLED_ACTIONS:
        return encode(["bytes32[]"], [list(session.actions)])
    lists: dict[bytes, list[Address]] = {
        ERC1271_POLICIES: session.erc1271_policies,
        USER_OP_POLICIES: session.user_op_policies,
    }
    if selector == ACTION_POLICIES:
        return encode(["address[]"], [session.actions.get(Hash32(data[68:100]), [])])
    return encode(["address[]"], [lists[selector]])


def _counter(state: Any, _: bytes) -> bytes:  # noqa: ANN401 - one policy's state
    return encode(["uint256", "uint256"], [state.limit, state.used])


def _token(state: Any, data: bytes) -> bytes | None:  # noqa: ANN401 - one policy's state
    use = state.get(Address(data[80:100]))
    if use is None or use.limit == 0:
        return None
    return encode(["uint256"] * 3, [use.limit, use.spent, use.approved])


def _tree(state: Any, _: bytes) -> bytes:  # noqa: ANN401 - one policy's state
    # Not the agent's encoder: it refuses trees that the contract takes.
    config = state.config
    rules = [
        (rule.condition, rule.offset, rule.limit is not None, rule.reference, (rule.limit or 0, rule.used))
        for rule in config.rules
    ]
    tree = (config.root, rules, [pack(node) for node in config.nodes])
    return encode(["uint256", TREE], [config.value_limit_per_use_wei, tree])


def _gas(state: Any, _: bytes) -> bytes:  # noqa: ANN401 - one policy's state
    return _counter(state.gas, b"") + _counter(state.cost, b"")


_POLICY_ANSWERS: dict[Address, Callable[[Any, bytes], bytes | None]] = {
    arg.ADDRESS: _tree,
    contract_whitelist.ADDRESS: lambda state, data: encode(["bool"], [Address(data[112:132]) in state]),
    erc20_spending_limit.ADDRESS: _token,
    simple_gas.ADDRESS: _gas,
    time_frame.ADDRESS: lambda state, _: encode(["uint256"], [state.valid_until << 48 | state.valid_after]),
    uni_action.ADDRESS: lambda state, _: uni_action.encode(state) if state.rules else bytes(uni_action.SIZE),
    usage_limit.ADDRESS: _counter,
    value_limit.ADDRESS: _counter,
}
