"""SudoPolicy allows everything; it serves where a list needs one policy."""

from agent.domain.units import Address
from agent.smart_sessions.policies.policy import (
    ActionCall,
    Allowed,
    Answer,
    OperationFacts,
    Policy,
    Slot,
    Use,
)

ADDRESS = Address.parse("0x0000000000FEEc8D74e3143fBaBbca515358d869")
LEGACY_ADDRESS = Address.parse("0x0000003111cD8e92337C100F22B7A9dbf8DEE301")


class SudoPolicy(Policy):
    """No limit at all; it has no state worth a name, so being initialised is `True`."""

    name = "Sudo"
    uses = frozenset(Use)

    def initialized(self, slot: Slot, init_data: bytes, previous: object) -> bool:
        return True

    def check_user_op(self, slot: Slot, state: object, facts: OperationFacts) -> Answer:
        return Allowed(state)

    def check_action(self, slot: Slot, state: object, call: ActionCall) -> Answer:
        return Allowed(state)
