"""What becomes of a session after it is made: granted with others, narrowed, taken back."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.owner_keys import OwnerKeys
from agent.cli.session_batching import batched
from agent.cli.session_editing import EditRequest, edited
from agent.cli.session_granting import granted, planned
from agent.cli.session_revoking import revoked
from agent.cli.session_signing import kept as kept_now
from agent.commands.enable_store import SignatureState, keep
from agent.commands.session_grant import SessionRevoked
from agent.commands.session_need import Wish
from agent.definitions.session_writer import session_file
from agent.definitions.sessions import SessionDefinition
from agent.devnet.accounts import SmartAccount, address_of, create_account, send_as_owner
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import mint_usdc, token_balance
from agent.devnet.transactions import read
from agent.domain.call import Call
from agent.domain.job import Place
from agent.domain.session import Session
from agent.domain.units import ChainId, Wei
from agent.erc7579.accounts import KERNEL, NEXUS
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.enabling import EnableGrant
from agent.smart_sessions.encoding import (
    enable_sessions_call,
    remove_session_call,
    revoke_enable_signature_call,
)
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.session_json import session_to_json
from agent.smart_sessions.signature import owners_init_data
from agent.smart_sessions.views import is_permission_enabled_call
from tests.acceptance.command import Answer, inside
from tests.devnet import a_key
from tests.devnet_config import write_config
from tests.integration.conformance.row import about_session, violation
from tests.integration.enabling import a_scene_to_enable, enabling_op, is_enabled
from tests.integration.enabling import granted as signed_grant
from tests.integration.policies import SPENDING
from tests.integration.scenes import Scene, include, revert_data
from tests.integration.test_enable_mode import mismatch
from tests.operator import a_session

pytestmark = pytest.mark.devnet


async def test_one_grant_enables_all_sessions_of_two_accounts(devnet: Devnet, tmp_path: Path) -> None:
    owner, key = a_key(), a_key()
    first = await create_account(devnet, NEXUS, owner)
    second = await create_account(devnet, KERNEL, owner)
    sessions = [a_session(devnet, a_key(), uses=3, spending=1000 * n) for n in (1, 2, 3)]
    # Every session is for its own key, and the files name one: the agent signs for none of them here.
    sessions = [replace(item, session_validator_init_data=_for(key)) for item in sessions]
    accounts = [first, first, second]
    _write(devnet, tmp_path, key, owner, list(zip(accounts, sessions, strict=True)))

    before = await asyncio.to_thread(batched, tmp_path, None, OwnerKeys())
    assert [len(batch.calls) for batch in before.accounts] == [2, 2]
    assert before.accounts[0].calls[1].data == enable_sessions_call(sessions[:2])

    after = await asyncio.to_thread(batched, tmp_path, None, OwnerKeys(tmp_path / "owner.key"))
    assert [batch.execute for batch in after.accounts] == [None, None]
    assert [await _enabled(devnet, *pair) for pair in zip(accounts, sessions, strict=True)] == [True] * 3


async def test_each_account_is_granted_by_its_own_owner(devnet: Devnet, tmp_path: Path) -> None:
    owners, key = [a_key(), a_key()], a_key()
    accounts = [await create_account(devnet, NEXUS, owner) for owner in owners]
    sessions = [a_session(devnet, key, uses=3, spending=spending) for spending in (1000, 2000)]
    grants = list(zip(accounts, sessions, strict=True))
    _write(devnet, tmp_path, key, owners[0], grants)
    other = tmp_path / "other.key"
    other.write_text("0x" + owners[1].hex())
    first, second = (account.address for account in accounts)

    async def grant(*words: str) -> Answer:
        options = [option for word in words for option in ("--owner-key", word)]
        return await asyncio.to_thread(inside, "sessions", "grant", "--all", "-c", tmp_path, *options)

    own = tmp_path / "owner.key"
    for words, told in (
        ([str(own)], f"the key given is not that of the owner of {second}"),
        ([f"{first}={own}"], f"no --owner-key is for {second}"),
        ([str(own), f"{SMART_SESSION}={other}"], f"none of the sessions is of {SMART_SESSION}"),
    ):
        refused = await grant(*words)
        assert (refused.code, refused.out) == (6, "")
        assert refused.err.startswith(f"owner_key_refused {told}\n")
        # Refused before anything was sent.
        assert [await _enabled(devnet, *pair) for pair in grants] == [False, False]
    assert (await grant(str(own), str(other))).code == 2

    done = await grant(str(own), f"{second}={other}")
    assert done.code == 0, done.err
    assert not any(owner.hex() in done.out + done.err for owner in owners)
    assert [await _enabled(devnet, *pair) for pair in grants] == [True, True]


async def test_a_narrowed_session_refuses_what_the_wider_one_allowed(devnet: Devnet, tmp_path: Path) -> None:
    owner, key = a_key(), a_key()
    account = await create_account(devnet, NEXUS, owner)
    await mint_usdc(devnet, account.address, 1000)
    wide = a_session(devnet, key, uses=9, spending=500)
    narrow = a_session(devnet, key, uses=9, spending=100)
    _write(devnet, tmp_path, key, owner, [(account, wide)])
    await asyncio.to_thread(granted, tmp_path, "s0", OwnerKeys(tmp_path / "owner.key"))
    scene = Scene(devnet, account, narrow, key)
    await include(devnet, [await scene.op([scene.transfer(90)])])
    assert (await asyncio.to_thread(planned, tmp_path, "s0")).is_granted

    _write(devnet, tmp_path, key, owner, [(account, narrow)])
    plan = await asyncio.to_thread(planned, tmp_path, "s0")
    assert (plan.is_enabled, plan.is_granted, len(plan.calls)) == (True, False, 2)
    assert await revert_data(devnet, [await scene.op([scene.transfer(101)])]) is None

    assert (await asyncio.to_thread(granted, tmp_path, "s0", OwnerKeys(tmp_path / "owner.key"))).is_granted
    refused = await scene.op([scene.transfer(101)])
    assert await revert_data(devnet, [refused]) == violation(scene, SPENDING)
    # The counter started anew: the ninety that were spent do not count.
    await include(devnet, [await scene.op([scene.transfer(100)])])
    assert await token_balance(devnet, devnet.usdc, account.address) == 1000 - 190


async def test_a_revoked_session_is_gone_and_no_old_signature_brings_it_back(
    devnet: Devnet, tmp_path: Path
) -> None:
    owner = a_key()
    scene = await a_scene_to_enable(devnet, owner_key=owner)
    unused = await signed_grant(scene)
    _write(devnet, tmp_path, scene.key, owner, [(scene.account, scene.session)])
    enable = Call(SMART_SESSION, Wei(0), enable_sessions_call([scene.session]))
    await send_as_owner(devnet, scene.account, [enable])
    await include(devnet, [await scene.op([scene.transfer(1)])])
    assert await revert_data(devnet, [await enabling_op(scene, unused)]) is None

    found = await asyncio.to_thread(revoked, tmp_path, "s0", "the key leaked", tmp_path / "owner.key")

    assert (found.is_enabled, found.calls, found.in_flight) == (False, (), ())
    gone = about_session("InvalidPermissionId", scene)
    assert await revert_data(devnet, [await scene.op([scene.transfer(1)])]) == gone
    replayed = await revert_data(devnet, [await enabling_op(scene, unused)])
    assert replayed == mismatch(scene, given=0, wanted=1)
    with pytest.raises(SessionRevoked):
        await asyncio.to_thread(planned, tmp_path, "s0")
    assert "  # the key leaked\n" in (tmp_path / "sessions" / "s0.yaml").read_text()


async def test_another_owners_key_neither_revokes_nor_edits(devnet: Devnet, tmp_path: Path) -> None:
    owner, key = a_key(), a_key()
    account = await create_account(devnet, NEXUS, owner)
    wide, narrow = (a_session(devnet, key, uses=9, spending=spending) for spending in (500, 100))
    _write(devnet, tmp_path, key, owner, [(account, wide)])
    await asyncio.to_thread(granted, tmp_path, "s0", OwnerKeys(tmp_path / "owner.key"))
    strange, document, file = (tmp_path / name for name in ("strange.key", "narrow.json", "sessions/s0.yaml"))
    strange.write_text("0x" + a_key().hex())
    document.write_text(json.dumps(session_to_json(narrow)))
    before = file.read_bytes()

    for words in (("edit", "s0", "--from", document), ("revoke", "s0")):
        refused = await asyncio.to_thread(inside, "sessions", *words, "--owner-key", strange, "-c", tmp_path)
        assert (refused.code, refused.out) == (6, "")
        told = f"owner_key_refused the key given is not that of the owner of {account.address}\n"
        assert refused.err.startswith(told)
        assert await _enabled(devnet, account, wide)
        # An edit has changed nothing; a revocation ends the session's use at once, whoever asks.
        assert (file.read_bytes() == before) is (words[0] == "edit")
    assert "revoked_at: " in file.read_text()


async def test_an_edit_ends_the_unused_signature_of_the_session_before(
    devnet: Devnet, tmp_path: Path
) -> None:
    owner = a_key()
    scene = await a_scene_to_enable(devnet, owner_key=owner)
    unused = await signed_grant(scene)
    _write(devnet, tmp_path, scene.key, owner, [(scene.account, scene.session)])
    digests = unused.hashes_and_chain_ids
    kept = EnableGrant(Mode.ENABLE, 0, 0, digests, unused.permission_enable_signature)
    keep(tmp_path, replace(_definition(0, scene.account, scene.session), enable=kept), kept)
    void = revoke_enable_signature_call(scene.permission_id)

    # A session's time frame counts from now: made once, it is the same at each edit.
    narrow = {spending: a_session(devnet, scene.key, uses=1, spending=spending) for spending in (10, 20)}

    def narrower(spending: int) -> EditRequest:
        file = tmp_path / "narrow.json"
        file.write_text(json.dumps(session_to_json(replace(narrow[spending], salt=scene.session.salt))))
        return EditRequest("s0", Wish(), None, str(file), is_trial=False, owner_key=None)

    planned_only = await asyncio.to_thread(edited, tmp_path, replace(narrower(20), is_trial=True))
    assert planned_only.calls[0].data == void
    # The owner makes no batch of the first edit: the second and the list still know of the signature.
    assert (await asyncio.to_thread(edited, tmp_path, narrower(20))).calls[0].data == void
    assert [(item.state, item.is_set_aside) for item in await asyncio.to_thread(kept_now, tmp_path)] == [
        (SignatureState.UNUSED, True)
    ]
    assert (await asyncio.to_thread(edited, tmp_path, narrower(10))).calls[0].data == void
    again = replace(narrower(10), owner_key=tmp_path / "owner.key")
    done = await asyncio.to_thread(edited, tmp_path, again)

    assert done.kept is None
    assert (done.plan.is_granted, done.calls) == (True, ())
    replayed = await revert_data(devnet, [await enabling_op(scene, unused)])
    assert replayed == mismatch(scene, given=0, wanted=1)
    assert await revert_data(devnet, [await scene.op([scene.transfer(11)])]) == violation(scene, SPENDING)


async def test_removing_alone_leaves_an_unused_signature_alive(devnet: Devnet) -> None:
    scene = await a_scene_to_enable(devnet)
    unused = await signed_grant(scene)
    enable = Call(SMART_SESSION, Wei(0), enable_sessions_call([scene.session]))
    remove = Call(SMART_SESSION, Wei(0), remove_session_call(scene.permission_id))
    await send_as_owner(devnet, scene.account, [enable, remove])
    await include(devnet, [await enabling_op(scene, unused)])
    assert await is_enabled(scene)


def _for(key: bytes) -> bytes:
    return owners_init_data(1, [address_of(key)])


def _write(
    devnet: Devnet, folder: Path, key: bytes, owner: bytes, grants: Sequence[tuple[SmartAccount, Session]]
) -> None:
    write_config(devnet, folder, key)
    (folder / "owner.key").write_text("0x" + owner.hex())
    for number, (account, session) in enumerate(grants):
        definition = _definition(number, account, session)
        (folder / "sessions" / f"s{number}.yaml").write_text(session_file(definition))


def _definition(number: int, account: SmartAccount, session: Session) -> SessionDefinition:
    return SessionDefinition(
        name=f"s{number}",
        chain_id=ChainId(31_337),
        account=account.address,
        account_kind=account.kind.name,
        key="worker",
        smart_session=SMART_SESSION,
        session=session,
        permission_id=permission_id(session),
        place=Place(f"sessions/s{number}.yaml"),
        # What these tests are about shows best without a payee.
        allow_lint=("L11", "L13"),
    )


async def _enabled(devnet: Devnet, account: SmartAccount, session: Session) -> bool:
    question = is_permission_enabled_call(permission_id(session), account.address)
    return any(await read(devnet.rpc_url, SMART_SESSION, question))
