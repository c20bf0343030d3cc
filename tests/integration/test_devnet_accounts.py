"""Accounts, tokens and sessions that helpers make on the local chain."""

import asyncio
from dataclasses import replace

from agent.devnet import chain, rpc
from agent.devnet.accounts import (
    address_of,
    create_nexus_account,
    send_as_owner,
    sign_as_owner,
    sign_digest,
)
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import mint_usdc, token_balance
from agent.devnet.transactions import read
from agent.domain.call import Call
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, Gas, Hash32, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.calldata import nonce_call
from agent.erc4337.user_op_hash import user_op_hash
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import NEXUS, nonce_key, owner_nonce_key
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.signature import owners_init_data, use_signature
from tests.devnet import a_key, a_nexus_account, bundler_receipt, send_to_bundler

PAYEE = Address(bytes(19) + b"\x42")
TRANSFER = bytes.fromhex("a9059cbb")
IS_PERMISSION_ENABLED = bytes.fromhex("adbc532f")


def transfer_call(devnet: Devnet, to: Address, amount: int) -> Call:
    return Call(devnet.usdc, Wei(0), TRANSFER + bytes(12) + to + amount.to_bytes(32, "big"))


def a_transfer_session(devnet: Devnet, session_key: bytes) -> Session:
    sudo = PolicyData(devnet.contracts["SudoPolicy"], b"")
    return Session(
        session_validator=OWNABLE_VALIDATOR,
        session_validator_init_data=owners_init_data(1, [address_of(session_key)]),
        salt=Hash32(bytes(32)),
        actions=(ActionData(TRANSFER, devnet.usdc, (sudo,)),),
    )


def an_operation(sender: Address, nonce: int, calls: list[Call]) -> UserOperation:
    return UserOperation(
        sender=sender,
        nonce=nonce,
        call_data=encode_execute(calls),
        call_gas_limit=Gas(300_000),
        verification_gas_limit=Gas(600_000),
        pre_verification_gas=Gas(80_000),
        max_fee_per_gas=Wei(5 * 10**9),
        max_priority_fee_per_gas=Wei(10**9),
    )


async def test_the_same_owner_gets_another_account_with_another_salt(
    devnet: Devnet, owner_key: bytes
) -> None:
    first = await create_nexus_account(devnet, owner_key, salt=0)
    second = await create_nexus_account(devnet, owner_key, salt=1)
    assert first.owner == second.owner
    assert first.address != second.address


async def test_the_owner_key_is_not_in_the_accounts_repr(devnet: Devnet, owner_key: bytes) -> None:
    account = await create_nexus_account(devnet, owner_key)
    assert owner_key.hex() not in repr(account)
    assert repr(owner_key) not in repr(account)


async def test_many_mints_at_once_all_arrive(devnet: Devnet) -> None:
    account = await a_nexus_account(devnet)
    await asyncio.gather(*(mint_usdc(devnet, account.address, 1) for _ in range(30)))
    assert await token_balance(devnet, devnet.usdc, account.address) == 30


async def test_the_owner_pays_without_the_bundler(devnet: Devnet) -> None:
    account, payee = await a_nexus_account(devnet, usdc=10), address_of(a_key())
    await send_as_owner(devnet, account, [transfer_call(devnet, payee, 7)])
    assert await token_balance(devnet, devnet.usdc, payee) == 7


async def test_the_bundler_includes_an_operation_of_the_owner(devnet: Devnet) -> None:
    account, payee = await a_nexus_account(devnet, usdc=10), address_of(a_key())
    nonce = owner_nonce_key(NEXUS, OWNABLE_VALIDATOR) << 64
    op = sign_as_owner(
        devnet, account, an_operation(account.address, nonce, [transfer_call(devnet, payee, 3)])
    )
    receipt = await bundler_receipt(devnet, await send_to_bundler(devnet, op), op)
    assert receipt["success"] is True
    assert await token_balance(devnet, devnet.usdc, payee) == 3


async def test_an_enabled_session_pays_through_the_bundler(devnet: Devnet) -> None:
    session_key, payee = a_key(), address_of(a_key())
    session = a_transfer_session(devnet, session_key)
    account = await a_nexus_account(devnet, usdc=10, sessions=[session])
    nonce = nonce_key(NEXUS, SMART_SESSION, 5) << 64
    op = an_operation(account.address, nonce, [transfer_call(devnet, payee, 4)])
    digest = user_op_hash(op, devnet.entry_point, devnet.chain_id, EntryPointVersion.V07)
    signed = replace(op, signature=use_signature(permission_id(session), sign_digest(session_key, digest)))
    user_op_hash_answered = await send_to_bundler(devnet, signed)
    receipt = await bundler_receipt(devnet, user_op_hash_answered, signed)
    assert user_op_hash_answered == digest
    assert receipt["success"] is True
    assert await token_balance(devnet, devnet.usdc, payee) == 4


async def test_enabling_is_visible_on_the_module(devnet: Devnet) -> None:
    session = a_transfer_session(devnet, a_key())
    account = await a_nexus_account(devnet, sessions=[session])
    question = IS_PERMISSION_ENABLED + permission_id(session) + bytes(12) + account.address
    assert int.from_bytes(await read(devnet.rpc_url, SMART_SESSION, question), "big") == 1


async def test_time_moves_forward_and_stays_behind_the_wall_clock(devnet: Devnet) -> None:
    before = await chain.block_time(devnet)
    after = await chain.increase_time(devnet, 3600)
    header = await rpc.block(devnet.rpc_url)
    # Chain time goes on by itself too, but not for another hour.
    assert 3600 <= after - before < 7200
    assert int(header["timestamp"], 16) >= after


async def test_a_snapshot_brings_the_nonce_back(devnet_snapshot: Devnet) -> None:
    account = await a_nexus_account(devnet_snapshot)
    before = await chain.snapshot(devnet_snapshot)
    await send_as_owner(devnet_snapshot, account, [Call(PAYEE, Wei(1), b"")])
    await chain.revert(devnet_snapshot, before)
    key = owner_nonce_key(NEXUS, OWNABLE_VALIDATOR)
    answer = await read(
        devnet_snapshot.rpc_url, devnet_snapshot.entry_point, nonce_call(account.address, key)
    )
    assert int.from_bytes(answer, "big") == key << 64


async def test_finality_is_two_blocks_behind(devnet: Devnet) -> None:
    await chain.mine(devnet, 3)
    before = await chain.block_number(devnet)
    final = int((await rpc.block(devnet.rpc_url, "finalized"))["number"], 16)
    # Any number of blocks may come between two questions.
    assert before - 2 <= final <= await chain.block_number(devnet) - 2
