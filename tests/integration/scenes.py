"""An account under one session, and what EntryPoint 0.7 says to operations of that session's key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.devnet import rpc
from agent.devnet.accounts import SmartAccount, address_of, sign_digest
from agent.devnet.devnet import Devnet
from agent.devnet.keys import DEPLOYER
from agent.devnet.transactions import read, transact
from agent.domain.call import Call
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, Gas, Hash32, Wei, bytes_from_hex
from agent.domain.user_operation import UserOperation
from agent.erc4337.calldata import handle_ops_call, nonce_call
from agent.erc4337.user_op_hash import user_op_hash
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import NEXUS, AccountKind, nonce_key
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.signature import owners_init_data, use_signature
from tests.devnet import a_key, an_account

PAYEE = Address(bytes(19) + b"\x42")
TRANSFER = bytes.fromhex("a9059cbb")
NO_SALT = Hash32(bytes(32))


@dataclass(frozen=True, slots=True)
class Scene:
    """An account with a session enabled, and the session's key."""

    devnet: Devnet
    account: SmartAccount
    session: Session
    key: bytes = field(repr=False)

    @property
    def permission_id(self) -> Hash32:
        return permission_id(self.session)

    async def op(self, calls: Sequence[Call], *, lane: int = 0) -> UserOperation:
        """Build and sign an operation at the next nonce of the lane."""
        return await self.raw_op(encode_execute(calls), lane=lane)

    async def raw_op(self, call_data: bytes, *, lane: int = 0) -> UserOperation:
        """Build and sign an operation with any call data."""
        key = nonce_key(self.account.kind, SMART_SESSION, lane)
        answer = await read(
            self.devnet.rpc_url, self.devnet.entry_point, nonce_call(self.account.address, key)
        )
        op = an_operation(self.account.address, int.from_bytes(answer, "big"), call_data)
        return self.signed(op)

    def signed(self, op: UserOperation) -> UserOperation:
        """Sign as the session key."""
        return replace(op, signature=use_signature(self.permission_id, self.inner_signature(op)))

    def inner_signature(self, op: UserOperation, key: bytes | None = None) -> bytes:
        """Sign the operation's hash as it is, which is what the current OwnableValidator wants."""
        return sign_digest(key or self.key, operation_hash(self.devnet, op))

    def transfer(self, amount: int, to: Address = PAYEE) -> Call:
        """Return the call that pays USDC base units."""
        return Call(self.devnet.usdc, Wei(0), transfer_data(to, amount))


def an_operation(sender: Address, nonce: int, call_data: bytes) -> UserOperation:
    return UserOperation(
        sender=sender,
        nonce=nonce,
        call_data=call_data,
        call_gas_limit=Gas(400_000),
        verification_gas_limit=Gas(2_000_000),
        pre_verification_gas=Gas(80_000),
        max_fee_per_gas=Wei(5 * 10**9),
        max_priority_fee_per_gas=Wei(10**9),
    )


def transfer_data(to: Address, amount: int) -> bytes:
    return TRANSFER + bytes(12) + to + amount.to_bytes(32, "big")


def operation_hash(devnet: Devnet, op: UserOperation) -> Hash32:
    return user_op_hash(op, devnet.entry_point, devnet.chain_id, EntryPointVersion.V07)


def a_session(
    key: bytes,
    actions: Sequence[ActionData] = (),
    user_op_policies: Sequence[PolicyData] = (),
    *,
    permit_paymaster: bool = False,
) -> Session:
    return Session(
        session_validator=OWNABLE_VALIDATOR,
        session_validator_init_data=owners_init_data(1, [address_of(key)]),
        salt=NO_SALT,
        actions=tuple(actions),
        user_op_policies=tuple(user_op_policies),
        permit_erc4337_paymaster=permit_paymaster,
    )


async def a_scene(
    devnet: Devnet,
    actions: Sequence[ActionData] | Callable[[Devnet], Sequence[ActionData]] = (),
    user_op_policies: Sequence[PolicyData] = (),
    *,
    permit_paymaster: bool = False,
    usdc: int = 1000,
    kind: AccountKind = NEXUS,
) -> Scene:
    """Make an account with USDC and one session of these actions and policies enabled."""
    key = a_key()
    chosen = actions(devnet) if callable(actions) else actions
    session = a_session(key, chosen, user_op_policies, permit_paymaster=permit_paymaster)
    account = await an_account(devnet, kind=kind, usdc=usdc, sessions=[session])
    return Scene(devnet, account, session, key)


async def revert_data(devnet: Devnet, ops: Sequence[UserOperation]) -> bytes | None:
    """Ask EntryPoint 0.7 about a bundle without sending it; return its revert data, None if it passes."""
    call = {
        "from": str(DEPLOYER.address),
        "to": str(devnet.entry_point),
        "data": "0x" + handle_ops_call(ops, DEPLOYER.address).hex(),
    }
    (answer,) = await rpc.batch_answers(devnet.rpc_url, [rpc.Request("eth_call", (call, "latest"))])
    return bytes_from_hex(answer["error"].get("data") or "0x") if "error" in answer else None


async def include(devnet: Devnet, ops: Sequence[UserOperation]) -> list[dict[str, Any]]:
    """Have a bundle executed and return its logs; raise DevnetError if the EntryPoint refuses it."""
    call = Call(devnet.entry_point, Wei(0), handle_ops_call(ops, DEPLOYER.address))
    receipt = await transact(devnet.rpc_url, call)
    return list(receipt["logs"])
