"""Whether a paymaster may pay under a session: no view tells, but the module's own validation does.

SmartSession checks in this order: the session is enabled, a paymaster is permitted, the policies on the
operation, the execution mode. An operation with a paymaster and a mode that it never takes therefore stops
at the second check when the flag is off, and behind it when the flag is on.
"""

from agent.domain.units import Address, Hash32
from agent.erc4337.calldata import validate_user_op_call
from agent.erc4337.packing import PackedUserOperation
from agent.erc7579.execution import EXECUTE
from agent.smart_sessions.on_chain import Location
from agent.smart_sessions.reverts import UNSUPPORTED_EXECUTION_TYPE, no_policies_set, paymaster_not_enabled
from agent.smart_sessions.signature import use_signature

NOBODY = Address(bytes(19) + b"\x02")
_TRY_MODE = b"\0\1" + bytes(30)
_POLICY_VIOLATION = bytes.fromhex("3b577361")
_POLICY_CHECK_REVERTED = bytes.fromhex("f4270752")


def paymaster_probe(place: Location) -> bytes:
    """Return the call of `validateUserOp` that tells, to be made by the account itself."""
    payload = NOBODY + bytes(32)
    call_data = EXECUTE + _TRY_MODE + _word(64) + _word(len(payload)) + payload.ljust(64, b"\0")
    op = PackedUserOperation(
        sender=place.account,
        nonce=0,
        init_code=b"",
        call_data=call_data,
        account_gas_limits=bytes(32),
        pre_verification_gas=0,
        gas_fees=bytes(32),
        paymaster_and_data=NOBODY + bytes(32),
        signature=use_signature(place.permission_id, bytes(65)),
    )
    return validate_user_op_call(op, Hash32(bytes(32)))


def permits_paymaster(place: Location, revert_data: bytes) -> bool | None:
    """Read what the probe reverted with; None when that says nothing, as of a session not enabled."""
    if revert_data == paymaster_not_enabled(place.permission_id).data:
        return False
    behind = revert_data in (UNSUPPORTED_EXECUTION_TYPE, no_policies_set(place.permission_id).data)
    # The policies on operations stand behind the flag too, and may have their own reasons.
    return True if behind or revert_data[:4] in (_POLICY_VIOLATION, _POLICY_CHECK_REVERTED) else None


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
