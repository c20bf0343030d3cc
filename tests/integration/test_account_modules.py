"""Making an account of each kind, and putting the module on it and off again."""

from dataclasses import replace

import pytest
from eth_abi.abi import decode, encode

from agent.devnet import rpc
from agent.devnet.account_creation import creation_address, creation_of, owned_by
from agent.devnet.accounts import (
    SmartAccount,
    address_of,
    create_account,
    enable_sessions,
    handle_op,
    install_call,
    install_smart_sessions,
    owner_operation,
    send_as_owner,
    sign_as_owner,
    sign_digest,
)
from agent.devnet.devnet import Devnet
from agent.devnet.errors import DevnetError
from agent.devnet.tokens import set_balance, token_balance
from agent.devnet.transactions import read
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32, Wei
from agent.domain.user_operation import UserOperation
from agent.erc7579.accounts import (
    ACCOUNT_ID,
    KERNEL,
    NEXUS,
    REFERENCE,
    SAFE7579,
    STARTALE,
    AccountKind,
    account_kind,
)
from agent.erc7579.enable_digest import ACCOUNT_DOMAIN, read_account_domain
from agent.erc7579.execution import encode_execute
from agent.erc7579.module_enable import module_enable_digest, module_enable_key, module_enable_signature
from agent.erc7579.modules import (
    Module,
    install_validator_call,
    is_validator_installed_call,
    previous_validator,
    read_validators,
    uninstall_validator_call,
    validators_call,
)
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, OWNABLE_VALIDATOR_BETA, SMART_SESSION
from agent.smart_sessions.encoding import install_data
from agent.smart_sessions.signature import use_signature
from tests.devnet import a_key, an_account
from tests.integration.conformance.row import bare
from tests.integration.enabling import is_enabled
from tests.integration.kinds import every_kind
from tests.integration.policies import sudo, transfers
from tests.integration.scenes import Scene, a_session, include, operation_hash, revert_data

pytestmark = pytest.mark.devnet

SALT = Hash32(bytes(31) + b"\x07")


async def is_installed(devnet: Devnet, account: SmartAccount, validator: Address = SMART_SESSION) -> bool:
    answer = await read(devnet.rpc_url, account.address, is_validator_installed_call(validator))
    return int.from_bytes(answer, "big") == 1


async def call_itself(devnet: Devnet, account: SmartAccount, data: bytes) -> None:
    await send_as_owner(devnet, account, [Call(account.address, Wei(0), data)])


async def validators(devnet: Devnet, account: SmartAccount) -> tuple[Address, ...]:
    return read_validators(await read(devnet.rpc_url, account.address, validators_call()))


@every_kind
async def test_the_account_is_where_its_creation_says(devnet: Devnet, kind: AccountKind) -> None:
    key = a_key()
    creation = await creation_of(devnet, kind, address_of(key), SALT)
    foreseen = await creation_address(devnet, creation)
    before = await rpc.call(devnet.rpc_url, "eth_getCode", str(foreseen), "latest")

    account = await create_account(devnet, kind, key, salt=7)

    assert (before, account.address) == ("0x", foreseen)
    assert await rpc.call(devnet.rpc_url, "eth_getCode", str(foreseen), "latest") != "0x"


async def test_a_kind_without_published_contracts_is_refused(devnet: Devnet) -> None:
    with pytest.raises(DevnetError, match="startale"):
        await create_account(devnet, STARTALE, a_key())


@every_kind
async def test_the_account_names_its_kind(devnet: Devnet, kind: AccountKind) -> None:
    account = await an_account(devnet, kind=kind)
    (account_id,) = decode(["string"], await read(devnet.rpc_url, account.address, ACCOUNT_ID))
    assert account_kind(account_id) is kind


@every_kind
async def test_the_module_comes_and_goes(devnet: Devnet, kind: AccountKind) -> None:
    account = await an_account(devnet, kind=kind)
    assert not await is_installed(devnet, account)
    await install_smart_sessions(devnet, account)
    assert await is_installed(devnet, account)
    session = a_session(a_key(), [transfers(devnet, sudo())])
    await enable_sessions(devnet, account, [session])
    scene = Scene(devnet, account, session, a_key())
    assert await is_enabled(scene)

    await call_itself(devnet, account, uninstall_validator_call(kind, SMART_SESSION))

    assert not await is_installed(devnet, account)
    assert not await is_enabled(scene)


@every_kind
async def test_sessions_can_come_with_the_installation(devnet: Devnet, kind: AccountKind) -> None:
    account = await an_account(devnet, kind=kind)
    session = a_session(a_key(), [transfers(devnet, sudo())])
    data = install_data([session])
    await call_itself(devnet, account, install_validator_call(kind, SMART_SESSION, data))
    assert await is_enabled(Scene(devnet, account, session, a_key()))


@pytest.mark.parametrize("kind", [NEXUS, SAFE7579, REFERENCE], ids=lambda kind: kind.name)
async def test_uninstalling_names_the_validator_before(devnet: Devnet, kind: AccountKind) -> None:
    account = await an_account(devnet, kind=kind)
    await install_smart_sessions(devnet, account)
    other = await another_validator(devnet)
    data = owned_by(account.owner).init_data
    await call_itself(devnet, account, install_validator_call(kind, other, data))
    before = await validators(devnet, account)
    assert before == (other, SMART_SESSION, OWNABLE_VALIDATOR)
    with pytest.raises(DevnetError, match="reverted"):
        await call_itself(devnet, account, uninstall_validator_call(kind, SMART_SESSION))

    previous = previous_validator(before, SMART_SESSION)
    await call_itself(devnet, account, uninstall_validator_call(kind, SMART_SESSION, previous))

    assert await validators(devnet, account) == (other, OWNABLE_VALIDATOR)


async def another_validator(devnet: Devnet) -> Address:
    """Put a second OwnableValidator on the chain."""
    code = await rpc.call(devnet.rpc_url, "eth_getCode", str(OWNABLE_VALIDATOR), "latest")
    await rpc.call(devnet.rpc_url, "anvil_setCode", str(OWNABLE_VALIDATOR_BETA), code)
    return OWNABLE_VALIDATOR_BETA


async def test_kernel_takes_no_session_without_the_grant_of_execute(devnet: Devnet) -> None:
    key = a_key()
    account = await an_account(devnet, kind=KERNEL)
    scene = Scene(devnet, account, a_session(key, [transfers(devnet, sudo())]), key)
    data = encode(["bytes", "bytes", "bytes"], [install_data([scene.session]), b"", b""])
    # Nexus's form leaves the data as it is.
    install = install_validator_call(NEXUS, SMART_SESSION, KERNEL.install_prefix + data)
    await call_itself(devnet, account, install)
    op = await scene.op([scene.transfer(1)])
    assert await revert_data(devnet, [op]) == bare("InvalidValidator")


async def test_the_launchpad_confirms_how_a_safe_is_made(devnet: Devnet) -> None:
    creation = await creation_of(devnet, SAFE7579, address_of(a_key()), SALT)
    launchpad, factory = devnet.contracts["Safe7579Launchpad"], devnet.contracts["SafeProxyFactory"]
    _, initializer, _ = decode(["address", "bytes", "uint256"], creation.factory_data[4:])
    proxy_code = await read(devnet.rpc_url, factory, keccak256(b"proxyCreationCode()")[:4])
    predict = keccak256(b"predictSafeAddress(address,address,bytes,bytes32,bytes)")[:4]
    arguments = [launchpad, factory, decode(["bytes"], proxy_code)[0], SALT, initializer]
    question = predict + encode(["address", "address", "bytes", "bytes32", "bytes"], arguments)
    hashed = keccak256(b"hash((address,address[],uint256,address,bytes,address,(address,bytes)[],bytes))")[:4]

    address = await read(devnet.rpc_url, launchpad, question)
    init_hash = await read(devnet.rpc_url, launchpad, hashed + creation.first_call_data(b"any")[4:])

    assert Address(address[12:]) == creation.address
    assert init_hash == initializer[4:36]


async def test_the_first_operation_of_a_safe_must_set_it_up(devnet: Devnet) -> None:
    account, op = await a_first_operation(devnet, wrapped=False)
    assert await revert_data(devnet, [op]) == bare("InvalidUserOperationData")
    assert not await is_there(devnet, account)


async def test_the_first_operation_of_a_safe_can_install_and_enable(devnet: Devnet) -> None:
    account, op = await a_first_operation(devnet, wrapped=True)
    await handle_op(devnet, op)
    assert await is_there(devnet, account)
    assert await is_installed(devnet, account)


async def a_first_operation(devnet: Devnet, *, wrapped: bool) -> tuple[SmartAccount, UserOperation]:
    """Build the operation that makes a Safe and installs the module."""
    key = a_key()
    creation = await creation_of(devnet, SAFE7579, address_of(key), SALT)
    account = SmartAccount(await creation_address(devnet, creation), address_of(key), key, SAFE7579)
    await set_balance(devnet, account.address, Wei(10**19))
    session = a_session(a_key(), [transfers(devnet, sudo())])
    install = install_validator_call(SAFE7579, SMART_SESSION, install_data([session]))
    call_data = creation.first_call_data(install) if wrapped else install
    op = await owner_operation(devnet, account, call_data)
    op = replace(op, factory=creation.factory, factory_data=creation.factory_data)
    return account, sign_as_owner(devnet, account, op)


async def is_there(devnet: Devnet, account: SmartAccount) -> bool:
    return bool(await rpc.call(devnet.rpc_url, "eth_getCode", str(account.address), "latest") != "0x")


@pytest.mark.parametrize("kind", [NEXUS, KERNEL], ids=lambda kind: kind.name)
async def test_the_first_operation_can_bring_the_account(devnet: Devnet, kind: AccountKind) -> None:
    key = a_key()
    creation = await creation_of(devnet, kind, address_of(key), SALT)
    account = SmartAccount(await creation_address(devnet, creation), address_of(key), key, kind)
    await set_balance(devnet, account.address, Wei(10**19))
    call_data = creation.first_call_data(encode_execute([install_call(account)]))
    op = await owner_operation(devnet, account, call_data)
    op = replace(op, factory=creation.factory, factory_data=creation.factory_data)
    await handle_op(devnet, sign_as_owner(devnet, account, op))
    assert await is_installed(devnet, account)


async def test_an_operation_of_nexus_can_install_the_module_it_is_checked_by(devnet: Devnet) -> None:
    key = a_key()
    account = await an_account(devnet, usdc=1000)
    scene = Scene(devnet, account, a_session(key, [transfers(devnet, sudo())]), key)
    module = Module(SMART_SESSION, install_data([scene.session]))
    nonce = module_enable_key(NEXUS, SMART_SESSION, 3) << 64
    op = replace(await scene.op([scene.transfer(1)]), nonce=nonce)
    domain = read_account_domain(await read(devnet.rpc_url, account.address, ACCOUNT_DOMAIN))
    digest = module_enable_digest(domain, module, operation_hash(devnet, op))
    by_owner = OWNABLE_VALIDATOR + sign_digest(account.owner_key, digest)
    use = use_signature(scene.permission_id, scene.inner_signature(op))

    await include(devnet, [replace(op, signature=module_enable_signature(module, by_owner, use))])

    assert await is_installed(devnet, account)
    assert await token_balance(devnet, devnet.usdc, account.address) == 999
