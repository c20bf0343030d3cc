"""Smart accounts on the local chain, and what their owner does with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import coincurve

from agent.devnet import rpc
from agent.devnet.account_creation import creation_address, creation_of
from agent.devnet.devnet import Devnet
from agent.devnet.errors import DevnetError
from agent.devnet.keys import DEPLOYER
from agent.devnet.tokens import set_balance
from agent.devnet.transactions import read, transact
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.session import Session
from agent.domain.units import Address, ChainId, Gas, Hash32, Wei, bytes_from_hex
from agent.domain.user_operation import UserOperation
from agent.erc4337.calldata import handle_ops_call, nonce_call
from agent.erc4337.events import USER_OPERATION_EVENT, decode_user_operation_event
from agent.erc4337.nonce import join_nonce
from agent.erc4337.user_op_hash import user_op_hash
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import NEXUS, AccountKind, enable_owner_signature, owner_nonce_key
from agent.erc7579.enable_digest import ACCOUNT_DOMAIN, owner_digest, read_account_domain
from agent.erc7579.execution import encode_execute
from agent.erc7579.modules import Module, install_validator_call
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.encoding import enable_sessions_call

ETHER = 10**18
OWNER_GAS = Gas(10_000_000)


class Node(Protocol):
    """Where the local chain answers, as far as an operation of an owner needs to know."""

    @property
    def rpc_url(self) -> str: ...

    @property
    def entry_point(self) -> Address: ...

    @property
    def chain_id(self) -> ChainId: ...


@dataclass(frozen=True, slots=True)
class SmartAccount:
    """A deployed account whose OwnableValidator obeys one key."""

    address: Address
    owner: Address
    owner_key: bytes = field(repr=False)
    kind: AccountKind = NEXUS


async def create_nexus_account(
    devnet: Devnet, owner_key: bytes, salt: int = 0, funds_wei: int = 10 * ETHER
) -> SmartAccount:
    """Deploy a Nexus account through its factory and give it ether."""
    return await create_account(devnet, NEXUS, owner_key, salt, funds_wei)


async def create_account(
    devnet: Devnet,
    kind: AccountKind,
    owner_key: bytes,
    salt: int = 0,
    funds_wei: int = 10 * ETHER,
    modules: Sequence[Module] = (),
) -> SmartAccount:
    """Deploy an account of this kind and give it ether; raise DevnetError for a kind nobody publishes.

    `modules` are validators it is made with, beside its owner's.
    """
    owner = address_of(owner_key)
    creation = await creation_of(devnet, kind, owner, Hash32(salt.to_bytes(32, "big")), modules)
    account = SmartAccount(await creation_address(devnet, creation), owner, owner_key, kind)
    await set_balance(devnet, account.address, Wei(funds_wei))
    if creation.is_whole_after_factory:
        await transact(devnet.rpc_url, creation.factory_call)
    else:
        nothing = encode_execute([Call(owner, Wei(0), b"")])
        op = await owner_operation(devnet, account, creation.first_call_data(nothing))
        op = replace(op, factory=creation.factory, factory_data=creation.factory_data)
        await handle_op(devnet, sign_as_owner(devnet, account, op))
    return account


async def install_smart_sessions(devnet: Devnet, account: SmartAccount) -> None:
    """Install the SmartSession module by an operation of the owner."""
    await send_as_owner(devnet, account, [install_call(account)])


async def enable_sessions(devnet: Devnet, account: SmartAccount, sessions: Sequence[Session]) -> None:
    """Enable sessions by an operation of the owner; the module must be installed."""
    await send_as_owner(devnet, account, [Call(SMART_SESSION, Wei(0), enable_sessions_call(sessions))])


async def install_and_enable(devnet: Devnet, account: SmartAccount, sessions: Sequence[Session]) -> None:
    """Install the module and enable sessions in one operation of the owner."""
    enable = Call(SMART_SESSION, Wei(0), enable_sessions_call(sessions))
    await send_as_owner(devnet, account, [install_call(account), enable])


def install_call(account: SmartAccount) -> Call:
    """Return the account's call to itself that installs the SmartSession module."""
    return Call(account.address, Wei(0), install_validator_call(account.kind, SMART_SESSION))


async def send_as_owner(devnet: Node, account: SmartAccount, calls: Sequence[Call]) -> dict[str, Any]:
    """Execute calls by an operation of the owner, without the bundler; raise DevnetError if it failed."""
    op = await owner_operation(devnet, account, encode_execute(calls))
    return await handle_op(devnet, sign_as_owner(devnet, account, op))


async def owner_operation(devnet: Node, account: SmartAccount, call_data: bytes) -> UserOperation:
    """Build an operation at the owner's next nonce, not yet signed."""
    key = owner_nonce_key(account.kind, OWNABLE_VALIDATOR)
    answer = await read(devnet.rpc_url, devnet.entry_point, nonce_call(account.address, key))
    header = await rpc.block(devnet.rpc_url)
    fee = Wei(2 * int(header["baseFeePerGas"], 16) + 10**9)
    return UserOperation(
        sender=account.address,
        nonce=join_nonce(key, int.from_bytes(answer, "big") & (2**64 - 1)),
        call_data=call_data,
        call_gas_limit=OWNER_GAS,
        verification_gas_limit=Gas(1_000_000),
        pre_verification_gas=Gas(100_000),
        max_fee_per_gas=fee,
        max_priority_fee_per_gas=Wei(10**9),
    )


def sign_as_owner(devnet: Node, account: SmartAccount, op: UserOperation) -> UserOperation:
    """Sign as OwnableValidator wants it of an owner: over the prefixed hash (ERC-191)."""
    digest = user_op_hash(op, devnet.entry_point, devnet.chain_id, EntryPointVersion.V07)
    prefixed = keccak256(b"\x19Ethereum Signed Message:\n32" + digest)
    return replace(op, signature=sign_digest(account.owner_key, prefixed))


async def sign_permission(devnet: Node, account: SmartAccount, digest: Hash32) -> bytes:
    """Sign the digest of a session as its owner and wrap it for the account, as ENABLE mode wants it."""
    domain = None
    if account.kind.nests_enable_digest:
        domain = read_account_domain(await read(devnet.rpc_url, account.address, ACCOUNT_DOMAIN))
    signature = sign_digest(account.owner_key, owner_digest(account.kind, digest, domain))
    return enable_owner_signature(account.kind, OWNABLE_VALIDATOR, signature)


async def handle_op(devnet: Node, op: UserOperation) -> dict[str, Any]:
    """Send one operation straight to EntryPoint 0.7; raise DevnetError unless it succeeded."""
    call = Call(devnet.entry_point, Wei(0), handle_ops_call([op], DEPLOYER.address))
    receipt = await transact(devnet.rpc_url, call)
    for log in receipt["logs"]:
        topics = [bytes_from_hex(topic) for topic in log["topics"]]
        if topics[0] == USER_OPERATION_EVENT:
            event = decode_user_operation_event(topics, bytes_from_hex(log["data"]))
            if not event.success:
                raise DevnetError(f"the operation {event.user_op_hash} was included and reverted")
    return receipt


def address_of(private_key: bytes) -> Address:
    """Return the address of a secp256k1 key."""
    point = coincurve.PrivateKey(private_key).public_key.format(compressed=False)
    return Address(keccak256(point[1:])[12:])


def sign_digest(private_key: bytes, digest: bytes) -> bytes:
    """Return r, s and v (27 or 28) over a digest as it is."""
    signature = coincurve.PrivateKey(private_key).sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([27 + signature[64]])
