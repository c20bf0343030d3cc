"""The exact off-chain model of SmartSession, its policies and its session validator, for one account."""

from agent.domain.units import Address, Hash32
from agent.erc4337.packing import PackedUserOperation
from agent.smart_sessions import ownable_validator
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.execution_shape import framed
from agent.smart_sessions.management import Management
from agent.smart_sessions.policies.policy import OperationFacts, Window
from agent.smart_sessions.reverts import ENUM_PANIC, Revert, invalid_permission_id, invalid_user_op_sender
from agent.smart_sessions.state import AccountState
from agent.smart_sessions.walk import Complaint, Walk

SIGNATURE_FAILED = 1
"""The whole word: a bad signature hides the time window."""


class Model:
    """Validates and manages as the contracts do; a Revert leaves the state as it was."""

    def __init__(self, smart_session: Address, account: Address, state: AccountState | None = None) -> None:
        self.smart_session = smart_session
        self.account = account
        self.state = state or AccountState()

    def validate(self, op: PackedUserOperation, user_op_hash: Hash32, base_fee: int) -> int:
        """Return the validation word of `validateUserOp` in mode USE, or raise Revert.

        A bad session signature returns 1 and keeps the counters moved: only the EntryPoint undoes that.
        """
        if op.sender != self.account:
            raise invalid_user_op_sender(op.sender)
        permission, inner = split_signature(op.signature)
        state = self.state.copy()
        session = state.sessions.get(permission)
        if session is None:
            raise invalid_permission_id(permission)
        walk = Walk(state, self.smart_session, self.account, permission, _stop)
        walk.operation(OperationFacts(op, framed(op), base_fee))
        valid = ownable_validator.is_valid(user_op_hash, inner, session.validator_init_data)
        self.state = state
        return packed_window(walk.window) if valid else SIGNATURE_FAILED

    def manage(self) -> "Transaction":
        """Start a management call: `with model.manage() as sessions: sessions.remove_session(…)`."""
        return Transaction(self)


class Transaction:
    """Keeps the changes of a management call unless it reverts."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._copy = model.state.copy()

    def __enter__(self) -> Management:
        return Management(self._copy, self._model.smart_session, self._model.account)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._model.state = self._copy


def split_signature(signature: bytes) -> tuple[Hash32, bytes]:
    """Split a USE signature into permission id and inner signature; raise Revert as the contract does.

    The enable modes are refused as garbage is: the model has no owner's account to ask.
    """
    if not signature:
        raise Revert
    if signature[0] > Mode.UNSAFE_ENABLE:
        raise Revert(ENUM_PANIC)
    if signature[0] != Mode.USE or len(signature) < 33:
        raise Revert
    return Hash32(signature[1:33]), signature[33:]


def packed_window(window: Window) -> int:
    """Pack a window as ERC-4337 validation data of a good signature."""
    return window.valid_after << 208 | window.valid_until << 160


def _stop(complaint: Complaint) -> None:
    raise complaint.revert
