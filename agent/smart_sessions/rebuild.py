"""The session tuple of what a chain has, and what of it nobody can know."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.domain.session import ActionData, ERC7739Data, PolicyData, Selector, Session
from agent.domain.units import Address, Hash32
from agent.smart_sessions.discovery import Hints
from agent.smart_sessions.ids import permission_id_of
from agent.smart_sessions.on_chain import ActionFound, OnChainSession, PolicyFound
from agent.smart_sessions.policies import (
    POLICIES,
    arg,
    contract_whitelist,
    erc20_spending_limit,
    sudo,
    uni_action,
)


class Source(StrEnum):
    """Where the bytes of a rebuilt session are from."""

    FILE = "file"
    """A session file, compared with the chain field by field."""
    CALLDATA = "calldata"
    """The transaction that granted it, compared with the chain field by field."""
    STATE = "state"
    """Made from the views: it does the same, and may have been granted in other bytes."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A session of the chain, as far as it can be told."""

    found: OnChainSession
    source: Source
    session: Session | None
    """Its permission id is the one on chain. None while something in `unknown` is missing to it."""
    unknown: tuple[str, ...] = ()
    """What could not be found out."""
    assumed: tuple[str, ...] = ()
    """What the views do not tell and the session here just supposes."""


def rebuilt_from_state(found: OnChainSession, hints: Hints) -> Rebuilt:
    """Make the session out of what the views told, with hints for what is on chain only as a hash."""
    actions, salt = hints.actions, _salt(found, hints.salts)
    unknown = tuple(_unknown(found, salt, actions))
    session = None if unknown or salt is None else _session(found, salt, actions)
    return Rebuilt(found, Source.STATE, session, unknown, tuple(_assumed(found)))


def _session(
    found: OnChainSession, salt: Hash32, actions: Mapping[Hash32, tuple[Address, Selector]]
) -> Session | None:
    if found.session_validator is None:
        return None
    return Session(
        session_validator=found.session_validator,
        session_validator_init_data=found.session_validator_init_data,
        salt=salt,
        user_op_policies=_policies(found.user_op_policies),
        erc7739_policies=ERC7739Data((), _policies(found.erc1271_policies)),
        actions=tuple(_action(item, actions) for item in found.actions),
        permit_erc4337_paymaster=bool(found.permit_paymaster),
    )


def _action(found: ActionFound, actions: Mapping[Hash32, tuple[Address, Selector]]) -> ActionData:
    target, selector = actions[found.action]
    return ActionData(selector, target, _policies(found.policies or ()))


def _policies(found: Sequence[PolicyFound]) -> tuple[PolicyData, ...]:
    return tuple(PolicyData(item.policy, item.init_data or b"") for item in found)


def _salt(found: OnChainSession, salts: Sequence[Hash32]) -> Hash32 | None:
    validator, config = found.session_validator, found.session_validator_init_data
    wanted = found.location.permission_id
    if validator is None:
        return None
    return next((salt for salt in salts if permission_id_of(validator, config, salt) == wanted), None)


def _unknown(
    found: OnChainSession, salt: Hash32 | None, actions: Mapping[Hash32, tuple[Address, Selector]]
) -> Iterator[str]:
    yield from (f"{view} gave no usable answer" for view in found.unreadable)
    if salt is None:
        yield "salt: it is on chain only within the permission id, and no known one fits"
    if found.permit_paymaster is None:
        yield "permitERC4337Paymaster: the module's answer does not tell"
    for item in found.actions:
        if item.action not in actions:
            yield f"target and selector of the action {item.action}: no known pair has this hash"
    for policy in every_policy(found):
        if not is_told(policy):
            yield f"initData of {name_of(policy.policy)} ({policy.policy})"


def _assumed(found: OnChainSession) -> Iterator[str]:
    yield "allowedERC7739Content: no view lists content names; none is supposed"
    kinds = {policy.policy for policy in every_policy(found)}
    if sudo.ADDRESS in kinds:
        yield "initData of Sudo: the contract keeps none; empty is supposed"
    if kinds & {uni_action.ADDRESS, arg.ADDRESS}:
        yield "use that a rule's limit began with: zero is supposed"
    if erc20_spending_limit.ADDRESS in kinds:
        yield "tokens of ERC20SpendingLimit: only known tokens could be asked about, their order is ours"
    if contract_whitelist.ADDRESS in kinds:
        yield "contracts of ContractWhitelist: only known ones could be asked about, their order is ours"


def every_policy(found: OnChainSession) -> Iterator[PolicyFound]:
    """Yield every policy in force, of whatever list."""
    yield from found.user_op_policies
    yield from (policy for action in found.actions for policy in action.policies or ())
    yield from found.erc1271_policies


def is_told(policy: PolicyFound) -> bool:
    """Say whether the views told the configuration; a set of which no member is known is not told."""
    return policy.state is not None and policy.init_data is not None and not _is_empty_set(policy)


def name_of(policy: Address) -> str:
    """Return the policy's name, or that it is unknown."""
    return POLICIES[policy].name if policy in POLICIES else "an unknown policy"


def _is_empty_set(policy: PolicyFound) -> bool:
    if policy.policy == erc20_spending_limit.ADDRESS:
        return not any(use.limit for use in policy.state.values())
    return policy.policy == contract_whitelist.ADDRESS and not policy.state
