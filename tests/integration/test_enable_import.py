"""What `sessions grant --typed-data` asks for, and what `sessions import` refuses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.definitions.loader import load
from agent.definitions.session_writer import session_file
from agent.devnet.accounts import create_account, enable_sessions, install_smart_sessions, send_as_owner
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.units import Wei
from agent.erc7579.accounts import KERNEL, NEXUS, SAFE7579, AccountKind
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.encoding import revoke_enable_signature_call
from tests.acceptance.command import Answer
from tests.devnet import a_key
from tests.integration.signing import (
    an_operator_to_sign_for,
    command,
    grant,
    message,
    scene_of,
    signed,
)
from tests.operator import Operator

pytestmark = pytest.mark.devnet


async def refused(operator: Operator, signature: str) -> Answer:
    taken = await command(operator, "import", "main", "--signature", signature)
    assert taken.code == 6
    assert signature[2:40] not in taken.out + taken.err
    assert not (operator.folder / "sessions" / "main.enable.json").exists()
    return taken


async def test_a_stranger_cannot_grant(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    taken = await refused(operator, signed(operator, await message(operator), a_key()))
    assert taken.err.startswith("enable_signature_refused main: ")


@pytest.mark.parametrize("text", ["0x", "signature", "0x" + "11" * 65])
async def test_what_is_no_signature_is_refused(devnet: Devnet, tmp_path: Path, text: str) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    taken = await command(operator, "import", "main", "--signature", text)
    assert taken.code in (3, 6)
    assert taken.err.startswith(("malformed_document ", "enable_signature_refused "))


def without_registry(document: dict[str, Any]) -> dict[str, Any]:
    """Return the message for mode UNSAFE_ENABLE."""
    for item in document["message"]["sessionsAndChainIds"]:
        item["session"]["permissions"]["ignoreSecurityAttestations"] = True
    return document


async def test_the_unsafe_mode_is_refused_by_name(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    taken = await refused(operator, signed(operator, without_registry(await message(operator))))
    assert taken.err.startswith("unsafe_enable main: ")


async def test_a_signature_that_was_revoked_is_refused_by_name(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    signature = signed(operator, await message(operator))
    revoke = Call(SMART_SESSION, Wei(0), revoke_enable_signature_call(scene_of(operator).permission_id))
    await send_as_owner(devnet, operator.account, [revoke])
    taken = await refused(operator, signature)
    assert taken.err.startswith("enable_nonce_moved main: signed for nonce 0, the chain asks for 1")
    await grant(operator)


async def test_a_signature_for_another_chain_is_refused(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    document = await message(operator)
    document["message"]["sessionsAndChainIds"][0]["chainId"] = "1"
    taken = await refused(operator, signed(operator, document))
    assert taken.err.startswith("enable_signature_refused main: ")


async def test_an_enabled_session_asks_for_nothing(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    await enable_sessions(devnet, operator.account, [operator.session])
    asked = await command(operator, "grant", "main", "--typed-data")
    assert (asked.code, asked.out) == (6, "")
    assert asked.err.startswith("session_enabled ")


async def test_the_bare_recovery_id_of_hardware_keys_is_understood(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    signature = bytes.fromhex(signed(operator, await message(operator))[2:])
    bare = "0x" + (signature[:64] + bytes([signature[64] - 27])).hex()
    assert (await command(operator, "import", "main", "--signature", bare)).code == 0


async def with_second_account(operator: Operator, kind: AccountKind) -> None:
    """Add another account of the same owner, and a session for it."""
    account = await create_account(operator.devnet, kind, operator.account.owner_key, salt=1)
    await install_smart_sessions(operator.devnet, account)
    main = load(operator.config, {}, with_jobs=False).sessions["main"]
    other = replace(main, name="other", account=account.address, account_kind=kind.name)
    (operator.folder / "sessions" / "other.yaml").write_text(session_file(other))


async def test_one_signature_grants_to_several_accounts_of_an_owner(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path, NEXUS)
    await with_second_account(operator, SAFE7579)
    signature = signed(operator, await message(operator, "main", "other"))
    alone = await command(operator, "import", "main", "--signature", signature)
    assert alone.err.startswith("enable_signature_refused main: ")

    # The order of the names does not matter.
    assert (await command(operator, "import", "other", "main", "--signature", signature)).code == 0

    kept = load(operator.config, {}).sessions
    enables = [kept[name].enable for name in ("main", "other")]
    assert sorted(item.chain_digest_index for item in enables if item) == [0, 1]


async def test_accounts_that_sign_under_their_own_name_need_one_signature_each(
    devnet: Devnet, tmp_path: Path
) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path, NEXUS)
    await with_second_account(operator, KERNEL)
    asked = await command(operator, "grant", "main", "other", "--typed-data")
    assert asked.code == 6
    assert asked.err.startswith("several_signatures 2 signatures are needed, for: ")
    await grant(operator, "other")
