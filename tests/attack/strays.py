"""Call data that a session never lets through unless it has a fallback action, whatever its policies say."""

from dataclasses import replace

from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, Wei
from agent.erc7579.execution import CALL_TYPE_DELEGATE, EXECUTE, encode_execute
from agent.smart_sessions.addresses import FALLBACK_SELECTOR, PSEUDO_TARGET, SMART_SESSION
from agent.smart_sessions.encoding import enable_sessions_call
from agent.smart_sessions.policies import sudo
from agent.smart_sessions.walk import EXECUTE_USER_OP
from tests.attack.sessions import PAYEE

NOTHING = Wei(0)
ALL = (2**256 - 1).to_bytes(32, "big")
_TRY_MODE, _DELEGATE_MODE = bytes([0, 1]), bytes([CALL_TYPE_DELEGATE, 0])


def strays(devnet: Devnet, account: Address, session: Session, granted: Call) -> tuple[bytes, ...]:
    """Return ways around the session: its own module, the account, other functions, other modes."""
    everything = ActionData(FALLBACK_SELECTOR, PSEUDO_TARGET, (PolicyData(sudo.ADDRESS, b""),))
    wider = replace(session, user_op_policies=(), actions=(everything,))
    payee = bytes(12) + PAYEE
    known = encode_execute([granted])
    calls = (
        Call(SMART_SESSION, NOTHING, enable_sessions_call([wider])),
        Call(account, NOTHING, known),
        Call(account, NOTHING, keccak256(b"installModule(uint256,address,bytes)")[:4] + bytes(128)),
        Call(devnet.entry_point, NOTHING, keccak256(b"withdrawTo(address,uint256)")[:4] + payee + bytes(32)),
        Call(devnet.usdc, NOTHING, keccak256(b"decreaseAllowance(address,uint256)")[:4] + payee + bytes(32)),
        Call(PAYEE, NOTHING, keccak256(b"transfer(address,uint256)")[:4] + payee + ALL),
        Call(PSEUDO_TARGET, NOTHING, FALLBACK_SELECTOR + bytes(32)),
    )
    return (
        *(encode_execute([call]) for call in calls),
        # Hidden behind a call that may pass.
        *(encode_execute([granted, call]) for call in calls),
        EXECUTE_USER_OP + known[4:],
        *(EXECUTE + mode + known[6:] for mode in (_TRY_MODE, _DELEGATE_MODE)),
    )
