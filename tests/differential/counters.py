"""The counters of a session: as the model has them, and as the agent reads them from the chain."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from agent.devnet.keys import DEPLOYER
from agent.domain.units import Address, ChainId
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.grant import Counters, Grant, PolicyPlace, counters, guards, reads
from agent.smart_sessions.model import Model
from agent.smart_sessions.policies import contract_whitelist, erc20_spending_limit
from agent.smart_sessions.preflight import limits
from agent.smart_sessions.state import AccountState, SessionState
from tests.differential.sessions import Granted
from tests.differential.simulation import Answer, Ask, Message


def grant_of(granted: Granted, account: Address, chain_id: ChainId) -> Grant:
    """Return the session as the agent knows it."""
    return Grant(chain_id, SMART_SESSION, account, granted.permission, granted.session)


def modelled(grant: Grant, model: Model) -> Counters:
    """Return what the chain should say of the grant."""
    known = model.state.sessions.get(grant.permission_id)
    if known is None:
        return Counters(enabled=False)
    granted = grant.session
    session = SessionState(
        granted.session_validator, granted.session_validator_init_data, granted.permit_erc4337_paymaster
    )
    state = AccountState({grant.permission_id: session})
    foreign: list[PolicyPlace] = []
    for guard in guards(grant):
        if guard.action is None:
            listed = session.user_op_policies = list(known.user_op_policies)
        else:
            listed = session.actions[guard.action] = list(known.actions.get(guard.action, []))
        foreign += (PolicyPlace(item, guard.config_id) for item in listed if item not in guard.init_data)
        for policy, init_data in guard.init_data.items():
            place = policy, guard.config_id
            state.policies[place] = _readable(policy, init_data, model.state.policies[place])
    return Counters(enabled=True, state=state, foreign=tuple(foreign))


def is_widened(grant: Grant, model: Model) -> bool:
    """Say whether the chain has actions under the permission id that the granted session does not list."""
    session = model.state.sessions.get(grant.permission_id)
    listed = {guard.action for guard in guards(grant)}
    return session is not None and not listed >= {
        action for action, found in session.actions.items() if found
    }


def asking(grant: Grant, model: Model) -> Ask:
    """Read the grant's counters as the agent does, and hold them against the model's."""
    expected = modelled(grant, model)
    messages = tuple(Message(DEPLOYER.address, call.target, call.data) for call in reads(grant))

    def wrong(answers: Sequence[Answer]) -> str | None:
        seen = counters(grant, [answer.data if answer.ok else None for answer in answers])
        model, chain = _parts(grant, expected), _parts(grant, seen)
        differing = [name for name in model | chain if model.get(name) != chain.get(name)]
        found = [
            f"{name}: the model has {model.get(name)}, the chain {chain.get(name)}" for name in differing
        ]
        return "; ".join(found) or None

    return Ask(messages, wrong)


def _parts(grant: Grant, found: Counters) -> dict[str, object]:
    """Name everything that is compared."""
    policies = found.state.policies.items()
    return {
        "enabled": found.enabled,
        "sessions": found.state.sessions,
        "foreign policies": found.foreign,
        "unreadable policies": found.unreadable,
        "limits": {str(limit.key): limit for limit in limits(grant, found)},
        **{f"{policy} in {config}": _in_use(policy, state) for (policy, config), state in policies},
    }


def _readable(policy: Address, init_data: bytes, state: Any) -> Any:  # noqa: ANN401 - each policy's own
    """Return the part of a state that can be read: views want a token or target, and tell no others."""
    if policy == erc20_spending_limit.ADDRESS:
        return {token: use for token, use in state.items() if token in _tokens(init_data) and use.limit}
    if policy == contract_whitelist.ADDRESS:
        return state & frozenset(contract_whitelist.decode(init_data).targets)
    return state


@cache
def _tokens(init_data: bytes) -> frozenset[Address]:
    return frozenset(item.token for item in erc20_spending_limit.decode(init_data).limits)


def _in_use(policy: Address, state: Any) -> object:  # noqa: ANN401 - each policy's own
    if policy == erc20_spending_limit.ADDRESS:
        return {token: use for token, use in state.items() if use.limit}
    return state
