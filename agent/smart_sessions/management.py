"""The calls by which an account manages its sessions, as the contract carries them out."""

from collections.abc import Iterable, Sequence

from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import ZERO_ADDRESS, Address, Hash32
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR
from agent.smart_sessions.ids import (
    action_config_id,
    action_id,
    erc1271_config_id,
    permission_id,
    user_op_config_id,
)
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.policies.policy import Slot, Use
from agent.smart_sessions.reverts import (
    INVALID_ACTION_ID,
    INVALID_DATA,
    Revert,
    invalid_permission_id,
    invalid_session,
    invalid_session_validator,
    unsupported_policy,
)
from agent.smart_sessions.state import AccountState, SessionState, removed

MAX_VALIDATOR_DATA = 320
SESSION_VALIDATORS = frozenset((OWNABLE_VALIDATOR,))


class Management:
    """Changes an account's state in place; on Revert the caller drops the half-changed copy."""

    def __init__(self, state: AccountState, smart_session: Address, account: Address) -> None:
        self.state = state
        self.smart_session = smart_session
        self.account = account

    def enable_sessions(self, sessions: Sequence[Session]) -> None:
        """Enable; on a live permission id it adds, and policies listed again start anew."""
        if not sessions:
            raise Revert(INVALID_DATA)
        for session in sessions:
            self._enable(session)

    def remove_session(self, permission: Hash32) -> None:
        """Forget a session; an unknown one is no error, but the permission id zero is."""
        if not any(permission):
            raise Revert(bytes(invalid_session(permission).data))
        self.state.sessions.pop(permission, None)

    def enable_user_op_policies(self, permission: Hash32, policies: Iterable[PolicyData]) -> None:
        """Add policies on whole operations."""
        session = self._session(permission)
        config = user_op_config_id(self.account, permission)
        self._initialize(session.user_op_policies, policies, config, Use.USER_OP)

    def disable_user_op_policies(self, permission: Hash32, policies: Iterable[Address]) -> None:
        """Take policies on whole operations out of force."""
        session = self._session(permission)
        for policy in policies:
            removed(session.user_op_policies, policy)

    def enable_action_policies(self, permission: Hash32, actions: Iterable[ActionData]) -> None:
        """Add actions, or policies to actions."""
        session = self._session(permission)
        for action in actions:
            self._enable_action(permission, session, action)

    def disable_action_policies(
        self, permission: Hash32, action: Hash32, policies: Iterable[Address]
    ) -> None:
        """Take policies of one action out of force; an action without any is forgotten."""
        session = self._session(permission)
        for policy in policies:
            removed(session.actions.get(action, []), policy)
        if not session.actions.get(action):
            _forget(session, action)

    def disable_action(self, permission: Hash32, action: Hash32) -> None:
        """Forget an action; an unknown one is no error."""
        _forget(self._session(permission), action)

    def permit_paymaster(self, permission: Hash32, *, permit: bool) -> None:
        """Allow or forbid operations that a paymaster pays."""
        self._session(permission).permit_paymaster = permit

    def _session(self, permission: Hash32) -> SessionState:
        session = self.state.sessions.get(permission)
        if session is None:
            raise invalid_permission_id(permission)
        return session

    def _enable(self, session: Session) -> None:
        permission = permission_id(session)
        current = self.state.sessions.get(permission)
        if current is None:
            current = SessionState(session.session_validator, session.session_validator_init_data)
        self._initialize(
            current.user_op_policies,
            session.user_op_policies,
            user_op_config_id(self.account, permission),
            Use.USER_OP,
        )
        self._initialize(
            current.erc1271_policies,
            session.erc7739_policies.erc1271_policies,
            erc1271_config_id(self.account, permission),
            Use.ERC1271,
        )
        for action in session.actions:
            self._enable_action(permission, current, action)
        self._check_validator(session)
        current.permit_paymaster = session.permit_erc4337_paymaster
        self.state.sessions[permission] = current

    def _check_validator(self, session: Session) -> None:
        validator = session.session_validator
        if validator in (ZERO_ADDRESS, self.smart_session):
            raise invalid_session_validator(validator)
        # A contract without isModuleType answers nothing; so do ten storage slots asked for more.
        if (
            validator not in SESSION_VALIDATORS
            or len(session.session_validator_init_data) > MAX_VALIDATOR_DATA
        ):
            raise Revert

    def _enable_action(self, permission: Hash32, session: SessionState, action: ActionData) -> None:
        if action.action_target in (ZERO_ADDRESS, self.smart_session):
            raise Revert(INVALID_ACTION_ID)
        identifier = action_id(action.action_target, action.action_target_selector)
        policies = session.actions.setdefault(identifier, [])
        config = action_config_id(self.account, permission, identifier)
        self._initialize(policies, action.action_policies, config, Use.ACTION)

    def _initialize(
        self, enabled: list[Address], policies: Iterable[PolicyData], config: Hash32, use: Use
    ) -> None:
        slot = Slot(config, self.smart_session, self.account)
        for item in policies:
            policy = POLICIES.get(item.policy)
            if policy is None or use not in policy.uses:
                raise unsupported_policy(item.policy)
            key = (item.policy, config)
            state = policy.initialized(slot, item.init_data, self.state.policies.get(key))
            self.state.policies[key] = state
            if item.policy not in enabled:
                enabled.append(item.policy)


def _forget(session: SessionState, action: Hash32) -> None:
    order = list(session.actions)
    removed(order, action)
    session.actions = {item: session.actions[item] for item in order}
