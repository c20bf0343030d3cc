"""Startale accounts against what was recorded on a chain: lanes, owner signatures, init code, enable mode."""

import pytest
from eth_abi.abi import decode, encode

from agent.devnet.accounts import sign_digest
from agent.domain.keccak import keccak256
from agent.domain.units import ZERO_ADDRESS, Address, ChainId, Hash32, bytes_from_hex
from agent.erc7579.accounts import KERNEL, NEXUS, STARTALE, enable_owner_signature, nonce_key
from agent.erc7579.enable_digest import AccountDomain, owner_digest, read_account_domain
from agent.erc7579.module_enable import module_enable_digest, module_enable_key, module_enable_signature
from agent.erc7579.modules import Module
from agent.erc7579.startale import BOOTSTRAP, RELEASES, startale_creation
from agent.erc7579.typed_data_sign import TypedContents, typed_data_sign_digest, typed_data_sign_signature
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.digest import DOMAIN_SEPARATOR, MULTI_CHAIN_SESSION
from tests.vectors import vectors

VECTORS = vectors("owners")["startale"]
PERSONAL = VECTORS["enable_personalsign"]
TYPED = bytes_from_hex(VECTORS["enable_typeddatasign"]["permissionEnableSig"])
OWNER_KEY = bytes_from_hex(PERSONAL["owner_key"])
OWNER = Address(bytes(19) + b"\x11")
DOMAIN = AccountDomain("Startale", "1.0.0", ChainId(31337), Address.from_hex(PERSONAL["account"].lower()))
SALT = Hash32(bytes(31) + b"\x05")


def test_account_domain_is_the_recorded_one() -> None:
    assert str(DOMAIN.separator) == PERSONAL["account_domain_separator"]


def test_owner_signs_the_digest_nested_in_personal_sign() -> None:
    digest = owner_digest(STARTALE, Hash32.from_hex(PERSONAL["multichain_digest"]), DOMAIN)
    wrapped = enable_owner_signature(STARTALE, ZERO_ADDRESS, sign_digest(OWNER_KEY, digest))

    assert str(digest) == PERSONAL["signed_hash"]
    assert wrapped == bytes_from_hex(PERSONAL["permissionEnableSig"])


def test_owner_signs_the_session_nested_in_typed_data() -> None:
    contents_hash = Hash32(TYPED[20 + 65 + 32 :][:32])
    contents = TypedContents(DOMAIN_SEPARATOR, contents_hash, MULTI_CHAIN_SESSION)
    signature = sign_digest(OWNER_KEY, typed_data_sign_digest(contents, DOMAIN))
    nested = typed_data_sign_signature(contents, signature)

    assert enable_owner_signature(STARTALE, ZERO_ADDRESS, nested) == TYPED
    plain = keccak256(b"\x19\x01" + DOMAIN_SEPARATOR + contents_hash)
    assert "0x" + plain.hex() == VECTORS["enable_typeddatasign"]["multichain_digest"]


def test_nested_digest_needs_the_accounts_domain() -> None:
    with pytest.raises(ValueError, match="domain"):
        owner_digest(STARTALE, Hash32(bytes(32)), None)


def test_domain_with_other_fields_is_refused() -> None:
    fields = ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"]
    values = ["Startale", "1.0.0", 31337, DOMAIN.account, bytes(32), []]
    assert read_account_domain(encode(fields, [b"\x0f", *values])) == DOMAIN
    with pytest.raises(ValueError, match="0x1f"):
        read_account_domain(encode(fields, [b"\x1f", *values]))
    with pytest.raises(ValueError, match="no typed-data domain"):
        read_account_domain(b"")


@pytest.mark.parametrize("modules", [[], [Module(SMART_SESSION, b"\x01sessions")]], ids=["none", "one"])
def test_init_code_brings_the_owner_and_the_modules(modules: list[Module]) -> None:
    release = RELEASES["1.0.1"]
    creation = startale_creation(release.factory, OWNER, SALT, modules)
    init_data, salt = decode(["bytes", "bytes32"], creation.factory_data[4:])
    bootstrap, call = decode(["address", "bytes"], init_data)
    arrays = "(address,bytes)[]"
    types = ["bytes", arrays, arrays, "(address,bytes)", arrays, "(uint256,address,bytes)[]"]
    owner, validators, executors, hook, fallbacks, pre_hooks = decode(types, call[4:])

    name = f"initWithDefaultValidatorAndOtherModules({','.join(types)})"
    assert creation.init_code == release.factory + creation.factory_data
    assert (Address.from_hex(bootstrap), salt) == (BOOTSTRAP, SALT)
    assert call[:4] == keccak256(name.encode())[:4]
    assert owner == OWNER
    assert validators == tuple((str(item.address).lower(), item.init_data) for item in modules)
    assert (executors, hook, fallbacks, pre_hooks) == ((), ("0x" + "00" * 20, bytes(32)), (), ())


def test_releases_give_the_same_owner_other_factories() -> None:
    assert len({release.factory for release in RELEASES.values()}) == len(RELEASES)


@pytest.mark.parametrize("lane", [0, 1, 9])
def test_enable_mode_is_a_byte_of_the_key(lane: int) -> None:
    plain = nonce_key(STARTALE, SMART_SESSION, lane)

    assert module_enable_key(STARTALE, SMART_SESSION, lane) == plain + (1 << 160)


def test_kernel_has_no_such_enable_mode() -> None:
    with pytest.raises(ValueError, match="kernel"):
        module_enable_key(KERNEL, SMART_SESSION, 0)


def test_enable_mode_packs_module_owner_signature_and_use() -> None:
    module = Module(SMART_SESSION, b"\x01sessions")
    packed = module_enable_signature(module, bytes(20) + b"owner", b"\x00use")

    assert packed == (
        SMART_SESSION
        + (1).to_bytes(32, "big")
        + (9).to_bytes(4, "big")
        + b"\x01sessions"
        + (25).to_bytes(4, "big")
        + bytes(20)
        + b"owner\x00use"
    )


def test_enable_mode_digest_binds_module_data_and_operation() -> None:
    module, op_hash = Module(SMART_SESSION, b"\x01sessions"), Hash32(bytes(31) + b"\x01")
    digest = module_enable_digest(DOMAIN, module, op_hash)
    others = {
        module_enable_digest(DOMAIN, Module(OWNER, module.init_data), op_hash),
        module_enable_digest(DOMAIN, Module(SMART_SESSION, b"\x02sessions"), op_hash),
        module_enable_digest(DOMAIN, module, Hash32(bytes(32))),
        module_enable_digest(AccountDomain("Nexus", "1.2.1", DOMAIN.chain_id, OWNER), module, op_hash),
    }

    assert len(others | {digest}) == 5
    assert module_enable_key(NEXUS, SMART_SESSION, 0) == module_enable_key(STARTALE, SMART_SESSION, 0)
