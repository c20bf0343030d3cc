from typing import Any

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.units import ZERO_ADDRESS, Address, ChainId, bytes_from_hex
from agent.erc4337.nonce import join_nonce
from agent.erc7579.accounts import (
    ACCOUNT_KINDS,
    KERNEL,
    NEXUS,
    REFERENCE,
    SAFE7579,
    STARTALE,
    AccountKind,
    account_kind,
    derived_lane,
    enable_owner_signature,
    nonce_key,
    owner_nonce_key,
    split_nonce_key,
)
from agent.erc7579.modules import (
    LIST_START,
    install_validator_call,
    previous_validator,
    read_validators,
    uninstall_validator_call,
)
from tests.vectors import vectors

RECORDED_NAMES = {"nexus": NEXUS, "kernel": KERNEL, "msa": REFERENCE, "safe": SAFE7579}
STARTALE_VECTORS = vectors("owners")["startale"]
INSTALL_TYPES = ["uint256", "address", "bytes"]
OTHER = Address(bytes(19) + b"\x77")
VALIDATOR = Address.parse("0x000000000013fdB5234E4E3162a810F54d9f7E98")

kinds = st.sampled_from(list(ACCOUNT_KINDS.values()))
addresses = st.binary(min_size=20, max_size=20).map(Address)


@pytest.mark.parametrize("entry", vectors("smart_sessions")["nonce_keys"], ids=str)
def test_nonce_key_is_the_recorded_one(entry: dict[str, Any]) -> None:
    key = nonce_key(RECORDED_NAMES[entry["kind"]], Address.parse(entry["validator"]), entry["lane"])

    assert (hex(key), hex(join_nonce(key, 5))) == (entry["key"], entry["nonce_seq5"])


@pytest.mark.parametrize(
    "entry", [row for row in STARTALE_VECTORS["nonce_keys"] if row["mode"] == 0], ids=str
)
def test_nonce_key_of_startale_is_the_recorded_one(entry: dict[str, Any]) -> None:
    validator = Address.from_hex(entry["validator"])

    assert nonce_key(STARTALE, validator, entry["lane"]) == int(entry["key"], 16)


@given(kinds, addresses, st.data())
def test_nonce_key_splits_into_validator_and_lane(
    kind: AccountKind, validator: Address, data: st.DataObject
) -> None:
    lane = data.draw(st.integers(0, 2**kind.lane_bits - 1))

    assert split_nonce_key(kind, nonce_key(kind, validator, lane)) == (validator, lane)


@given(kinds, addresses)
def test_lane_with_too_many_bits_is_refused(kind: AccountKind, validator: Address) -> None:
    with pytest.raises(ValueError, match="free bits"):
        nonce_key(kind, validator, 2**kind.lane_bits)


@pytest.mark.parametrize("kind", [NEXUS, STARTALE, KERNEL], ids=lambda kind: kind.name)
def test_key_in_another_mode_is_refused(kind: AccountKind) -> None:
    other_mode = nonce_key(kind, VALIDATOR, 1) | (1 << 160 if kind is not KERNEL else 1 << 184)

    with pytest.raises(ValueError, match="not a plain validation key"):
        split_nonce_key(kind, other_mode)


def test_lane_of_a_job_is_fixed_by_this_vector() -> None:
    lanes = {
        kind.name: hex(derived_lane(kind, ChainId(31337), "gym-membership"))
        for kind in RECORDED_NAMES.values()
    }

    assert lanes == {
        "nexus": "0xd1e924",
        "kernel": "0xe924",
        "reference": "0xc4d1e924",
        "safe7579": "0xc4d1e924",
    }


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (NEXUS, nonce_key(NEXUS, VALIDATOR, 0)),
        (KERNEL, 0),
        (STARTALE, 0),
        (REFERENCE, nonce_key(REFERENCE, VALIDATOR, 0)),
    ],
    ids=["nexus", "kernel", "startale", "reference"],
)
def test_owner_key(kind: AccountKind, key: int) -> None:
    assert owner_nonce_key(kind, VALIDATOR) == key


@pytest.mark.parametrize(
    ("kind", "validator", "prefix"),
    [
        (NEXUS, VALIDATOR, VALIDATOR.hex()),
        (KERNEL, VALIDATOR, "01" + VALIDATOR.hex()),
        (KERNEL, ZERO_ADDRESS, "00"),
        (STARTALE, ZERO_ADDRESS, "00" * 20),
        (SAFE7579, VALIDATOR, VALIDATOR.hex()),
    ],
)
def test_owner_signature_is_wrapped_for_the_account(
    kind: AccountKind, validator: Address, prefix: str
) -> None:
    assert enable_owner_signature(kind, validator, b"sig").hex() == prefix + b"sig".hex()


@pytest.mark.parametrize("name", ["nexus", "kernel"])
def test_recorded_owner_signature_has_this_wrapping(name: str) -> None:
    recorded = bytes_from_hex(vectors("smart_sessions")["enable_signature"][name]["permission_enable_sig"])

    assert enable_owner_signature(RECORDED_NAMES[name], VALIDATOR, recorded[-65:]) == recorded


def test_nexus_installs_a_validator_with_its_data_alone() -> None:
    call = install_validator_call(NEXUS, VALIDATOR, b"\x01\x02")

    assert call.hex() == (
        "9517e29f"
        + "00" * 31
        + "01"
        + "00" * 12
        + VALIDATOR.hex()
        + "00" * 31
        + "60"
        + "00" * 31
        + "02"
        + "0102"
        + "00" * 30
    )


def test_kernel_installs_a_validator_without_hook_and_grants_execute() -> None:
    data = install_validator_call(KERNEL, VALIDATOR).hex()

    assert ("00" * 19 + "01") in data
    assert "e9ae5c53" in data


def test_uninstalling_from_a_list_names_the_validator_before() -> None:
    listed = uninstall_validator_call(NEXUS, VALIDATOR, OTHER, b"\x01\x02")
    unlisted = uninstall_validator_call(KERNEL, VALIDATOR, OTHER, b"\x01\x02")

    assert decode(INSTALL_TYPES, unlisted[4:]) == (1, str(VALIDATOR).lower(), b"\x01\x02")
    assert decode(INSTALL_TYPES, listed[4:])[2] == encode(["address", "bytes"], [OTHER, b"\x01\x02"])


def test_previous_validator_of_the_first_is_the_start_of_the_list() -> None:
    assert previous_validator([OTHER, VALIDATOR], OTHER) == LIST_START
    assert previous_validator([OTHER, VALIDATOR], VALIDATOR) == OTHER
    with pytest.raises(ValueError, match="none of the account's 1 validators"):
        previous_validator([OTHER], VALIDATOR)


def test_an_answer_that_is_no_list_of_validators_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        read_validators(b"\1\2\3")


@pytest.mark.parametrize(
    ("account_id", "kind"),
    [
        ("biconomy.nexus.1.2.1", NEXUS),
        ("kernel.advanced.v0.3.1", KERNEL),
        ("rhinestone.safe7579.v1.0.0", SAFE7579),
        ("uMSA.advanced/withHook.v0.1", REFERENCE),
        ("startale.smart-account.1.0.0", STARTALE),
        ("somebody.else.1.0.0", None),
    ],
)
def test_account_is_known_by_what_it_calls_itself(account_id: str, kind: AccountKind | None) -> None:
    assert account_kind(account_id) is kind
