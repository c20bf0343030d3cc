"""Random calls by which an account changes its sessions, encoded and for the model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from agent.domain.session import ActionData
from agent.domain.units import Address, Hash32
from agent.smart_sessions import encoding
from agent.smart_sessions.ids import action_id
from agent.smart_sessions.management import Management
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.policies.policy import Use
from tests.differential.policies import Place, random_policies
from tests.differential.sessions import Granted, Setting, random_action, random_session


@dataclass(frozen=True, slots=True)
class Managed:
    """One call of the account to SmartSession."""

    name: str
    call_data: bytes
    apply: Callable[[Management], None] = field(repr=False)
    granted: Granted | None = None
    """The session as it was granted, if the call goes through; None leaves what was known."""


def enabling(granted: Granted) -> Managed:
    """Enable a session, or add to the one with its permission id."""
    call = encoding.enable_sessions_call([granted.session])
    return Managed("enable", call, lambda sessions: sessions.enable_sessions([granted.session]), granted)


def random_management(random: Random, setting: Setting, known: Sequence[Granted]) -> Managed:
    """Return a change, most of them of a session that is there."""
    granted = random.choice(known)
    if random.random() < 0.03:
        granted = random_session(random, setting)
    return random.choice(_CHANGES)(random, setting, granted)


Change = Callable[[Random, Setting, Granted], Managed]


def _enable_again(random: Random, setting: Setting, granted: Granted) -> Managed:
    return enabling(random_session(random, setting, granted))


def _enable_the_same(_random: Random, _setting: Setting, granted: Granted) -> Managed:
    return enabling(granted)


def _enable_another(random: Random, setting: Setting, _granted: Granted) -> Managed:
    return enabling(random_session(random, setting))


def _remove(random: Random, _: Setting, granted: Granted) -> Managed:
    permission = Hash32(bytes(32)) if random.random() < 0.05 else granted.permission
    call = encoding.remove_session_call(permission)
    return Managed("remove", call, lambda sessions: sessions.remove_session(permission))


def _disable_action(random: Random, _: Setting, granted: Granted) -> Managed:
    permission, action = granted.permission, _some_action(random, granted)
    call = encoding.disable_action_call(permission, action)
    return Managed("disable_action", call, lambda sessions: sessions.disable_action(permission, action))


def _disable_action_policies(random: Random, _: Setting, granted: Granted) -> Managed:
    permission, action, policies = granted.permission, _some_action(random, granted), _some_policies(random)
    call = encoding.disable_action_policies_call(permission, action, policies)
    return Managed(
        "disable_action_policies",
        call,
        lambda sessions: sessions.disable_action_policies(permission, action, policies),
    )


def _disable_user_op_policies(random: Random, _: Setting, granted: Granted) -> Managed:
    permission, policies = granted.permission, _some_policies(random)
    call = encoding.disable_user_op_policies_call(permission, policies)
    return Managed(
        "disable_userop_policies",
        call,
        lambda sessions: sessions.disable_user_op_policies(permission, policies),
    )


def _enable_action_policies(random: Random, setting: Setting, granted: Granted) -> Managed:
    permission, actions = granted.permission, [random_action(random, setting)]
    call = encoding.enable_action_policies_call(permission, actions)
    return Managed(
        "enable_action_policies",
        call,
        lambda sessions: sessions.enable_action_policies(permission, actions),
    )


def _enable_user_op_policies(random: Random, setting: Setting, granted: Granted) -> Managed:
    permission = granted.permission
    policies = random_policies(random, Place(setting.usdc, setting.now), Use.USER_OP, 2)
    call = encoding.enable_user_op_policies_call(permission, policies)
    return Managed(
        "enable_userop_policies",
        call,
        lambda sessions: sessions.enable_user_op_policies(permission, policies),
    )


def _set_paymaster(random: Random, _: Setting, granted: Granted) -> Managed:
    permission, permit = granted.permission, random.random() < 0.5
    call = encoding.permit_paymaster_call(permission, permit=permit)
    session = replace(granted.session, permit_erc4337_paymaster=permit)
    return Managed(
        "set_paymaster",
        call,
        lambda sessions: sessions.permit_paymaster(permission, permit=permit),
        Granted(session, granted.owners),
    )


def _some_action(random: Random, granted: Granted) -> Hash32:
    actions: Sequence[ActionData] = granted.session.actions
    if not actions or random.random() < 0.1:
        return Hash32(random.randbytes(32))
    action = random.choice(actions)
    return action_id(action.action_target, action.action_target_selector)


def _some_policies(random: Random) -> list[Address]:
    return random.sample(list(POLICIES), random.randint(1, 4))


_CHANGES: tuple[Change, ...] = (
    _enable_again,
    _enable_again,
    _enable_the_same,
    _enable_another,
    _enable_another,
    _remove,
    _disable_action,
    _disable_action_policies,
    _disable_user_op_policies,
    _enable_action_policies,
    _enable_user_op_policies,
    _set_paymaster,
)
