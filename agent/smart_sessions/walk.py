"""Ask every policy about one operation in the contract's order, up to the first no or for all of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from agent.domain.units import Address, Hash32
from agent.erc7579.execution import EXEC_TYPE_DEFAULT, EXECUTE
from agent.smart_sessions.addresses import PSEUDO_TARGET
from agent.smart_sessions.execution_shape import Frame, execution_type, executions
from agent.smart_sessions.ids import (
    ADMIN_ACTION,
    FALLBACK_ACTION,
    action_config_id,
    action_id,
    called_selector,
    user_op_config_id,
)
from agent.smart_sessions.policies import policy_at
from agent.smart_sessions.policies.policy import (
    ALWAYS,
    ActionCall,
    Answer,
    Charge,
    OperationFacts,
    Policy,
    Refused,
    Slot,
    Window,
)
from agent.smart_sessions.reverts import (
    INVALID_SELF_CALL,
    INVALID_TARGET,
    NO_EXECUTIONS_IN_BATCH,
    UNSUPPORTED_EXECUTION_TYPE,
    Revert,
    no_policies_set,
    paymaster_not_enabled,
    policy_check_reverted,
    policy_violation,
)
from agent.smart_sessions.state import AccountState, SessionState

EXECUTE_USER_OP = bytes.fromhex("8dd7712f")
_NOT_GRANTED = "ask the owner for a session that grants this call: sessions new"

Check = Callable[[Policy, Slot, Any], Answer]


@dataclass(frozen=True, slots=True)
class Complaint:
    """One no: what the contract would revert with, and what a person reads."""

    revert: Revert
    refused: Refused
    policy: Address | None = None
    config_id: Hash32 | None = None
    call: ActionCall | None = None
    """The call it is about; None for the whole operation."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one answer took from one counter."""

    policy: Address
    config_id: Hash32
    charge: Charge


Complain = Callable[[Complaint], None]


class Walk:
    """One operation under one session; moves the policies' states of `state` in place."""

    def __init__(
        self,
        state: AccountState,
        smart_session: Address,
        account: Address,
        permission: Hash32,
        complain: Complain,
    ) -> None:
        self.state = state
        self.smart_session = smart_session
        self.account = account
        self.permission = permission
        self.complain = complain
        self.session: SessionState = state.sessions[permission]
        self.windows: list[tuple[Address, Hash32, Window]] = []
        self.taken: list[Taken] = []

    @property
    def window(self) -> Window:
        """The common part of all windows, which may be empty: the contract does not care."""
        return reduce(Window.within, (window for _, _, window in self.windows), ALWAYS)

    def operation(self, facts: OperationFacts) -> None:
        """Ask about a whole operation, then about each of its calls."""
        self._paymaster(facts)
        config = user_op_config_id(self.account, self.permission)
        self._ask(
            self.session.user_op_policies,
            config,
            lambda policy, slot, state: policy.check_user_op(slot, state, facts),
        )
        self._calls(facts.frame)

    def _paymaster(self, facts: OperationFacts) -> None:
        if not facts.op.paymaster_and_data:
            return
        if not self.session.permit_paymaster:
            remedy = "pay from the account, or ask the owner to permit a paymaster"
            self._no(paymaster_not_enabled(self.permission), "paymaster_not_permitted", remedy)
        if not self.session.user_op_policies:
            remedy = "with a paymaster the session needs a policy on operations: ask the owner for one"
            self._no(no_policies_set(self.permission), "paymaster_without_policy", remedy)

    def _calls(self, frame: Frame) -> None:
        selector = frame.selector
        if selector == EXECUTE:
            self._executions(frame)
        elif selector == EXECUTE_USER_OP:
            raise Revert(UNSUPPORTED_EXECUTION_TYPE)
        else:
            # The account itself is called. The fallback action is not asked for that.
            call = ActionCall(self.account, self.account, 0, frame.bytes_at(0, frame.length))
            self._action(call, (action_id(self.account, selector),))

    def _executions(self, frame: Frame) -> None:
        if frame.length < 68:
            raise Revert
        if execution_type(frame) != EXEC_TYPE_DEFAULT:
            raise Revert(UNSUPPORTED_EXECUTION_TYPE)
        calls = executions(frame)
        if not calls:
            raise Revert(NO_EXECUTIONS_IN_BATCH)
        for call in calls:
            self._execution(ActionCall(self.account, call.target, call.value, call.data))

    def _execution(self, call: ActionCall) -> None:
        selector = called_selector(call.data)
        if call.target == self.account and selector == EXECUTE:
            remedy = "make the inner calls themselves: an account may not execute on itself"
            self._no(Revert(INVALID_SELF_CALL), "self_call", remedy, call)
        elif call.target == PSEUDO_TARGET:
            remedy = "name another contract in the job: the address one is none"
            self._no(Revert(INVALID_TARGET), "forbidden_target", remedy, call)
        elif call.target == self.smart_session:
            self._action(call, (ADMIN_ACTION,))
        else:
            self._action(call, (action_id(call.target, selector), FALLBACK_ACTION))

    def _action(self, call: ActionCall, candidates: tuple[Hash32, ...]) -> None:
        for action in candidates:
            policies = self.session.actions.get(action)
            if policies:
                config = action_config_id(self.account, self.permission, action)
                self._ask(
                    policies, config, lambda policy, slot, state: policy.check_action(slot, state, call), call
                )
                return
        self._no(no_policies_set(self.permission), "not_granted", _NOT_GRANTED, call)

    def _ask(
        self, policies: Iterable[Address], config: Hash32, check: Check, call: ActionCall | None = None
    ) -> None:
        slot = Slot(config, self.smart_session, self.account)
        for address in policies:
            key = (address, config)
            answer = check(policy_at(address), slot, self.state.policies[key])
            if isinstance(answer, Refused):
                self.complain(self._refusal(answer, address, config, call))
                continue
            self.state.policies[key] = answer.state
            self._narrow(address, config, answer.window)
            self.taken += (Taken(address, config, charge) for charge in answer.charges)

    def _narrow(self, policy: Address, config: Hash32, window: Window) -> None:
        if window != ALWAYS:
            self.windows.append((policy, config, window))

    def _refusal(
        self, refused: Refused, policy: Address, config: Hash32, call: ActionCall | None
    ) -> Complaint:
        if refused.revert is None:
            revert = policy_violation(self.permission, policy)
        else:
            revert = policy_check_reverted(refused.revert)
        return Complaint(revert, refused, policy, config, call)

    def _no(self, revert: Revert, code: str, remedy: str, call: ActionCall | None = None) -> None:
        self.complain(Complaint(revert, Refused(code, remedy), call=call))
