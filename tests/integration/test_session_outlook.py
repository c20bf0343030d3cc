"""What operators are told beforehand of a session is what the worker will do."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from agent.bootstrap import Store, opened
from agent.cli.loading import load_definitions, settings_for
from agent.devnet.accounts import enable_sessions, send_as_owner
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.hold import Hold, SessionScope
from agent.domain.units import Timestamp, Wei
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.encoding import revoke_enable_signature_call
from tests.acceptance.command import inside
from tests.integration.signing import an_operator_to_sign_for, command, grant, scene_of
from tests.operator import CHAIN_ID, Operator

pytestmark = pytest.mark.devnet


async def planned(operator: Operator) -> list[dict[str, Any]]:
    answer = await asyncio.to_thread(inside, "plan", "-n", "3", "--json", "-c", operator.config)
    assert answer.code == 0, answer.err
    fires: list[dict[str, Any]] = answer.json["fires"]
    return fires


async def status(operator: Operator) -> tuple[int, dict[str, Any]]:
    answer = await command(operator, "status", "main", "--json")
    (found,) = answer.json["sessions"]
    return answer.code, found


async def test_plan_reckons_with_what_the_first_operation_enables(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    assert [fire["code"] for fire in await planned(operator)] == ["session_not_enabled"] * 3
    await grant(operator)

    fires = await planned(operator)
    assert [(fire["would"], fire["code"]) for fire in fires] == [("send", None)] * 3
    left = [line["remaining"] for fire in fires for line in fire["leaves"] if line["unit"] == "uses"]
    assert left == [19, 18, 17]
    assert (await status(operator))[1]["status"] == "pending"
    usage = await command(operator, "usage", "main")
    assert (usage.code, "its first operation enables it" in usage.err) == (10, True)


async def test_signature_that_was_revoked_makes_nothing_pending(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    await grant(operator)
    revoke = revoke_enable_signature_call(scene_of(operator).permission_id)
    await send_as_owner(devnet, operator.account, [Call(SMART_SESSION, Wei(0), revoke)])

    assert {fire["code"] for fire in await planned(operator)} == {"enable_nonce_moved"}
    code, found = await status(operator)
    assert (code, found["status"]) == (10, "not enabled")
    assert "used up or revoked" in found["reason"]


async def test_plan_sends_nothing_under_a_session_that_is_held(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    await enable_sessions(devnet, operator.account, [operator.session])
    assert {fire["would"] for fire in await planned(operator)} == {"send"}
    scope = SessionScope(CHAIN_ID, operator.account.address, scene_of(operator).permission_id)
    settings = settings_for(operator.config)
    async with opened(settings, load_definitions(settings), store=Store.WORKER, keys=False) as world:
        await world.services.journal.hold(Hold(scope, "foreign_use", "somebody used it", Timestamp(1)))

    (first, *_) = await planned(operator)
    assert (first["would"], first["code"]) == ("refuse", "held")
    assert "foreign_use: somebody used it" in first["reason"]


async def test_owner_reads_amounts_in_tokens_before_signing(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator_to_sign_for(devnet, tmp_path)
    asked = await command(operator, "grant", "main", "--typed-data")
    assert "1000 USDC" in asked.err
    # The last second that works, wherever it is told.
    (until,) = set(re.findall(r"until ([0-9-]+ [0-9:]+) UTC", asked.err))
    assert until in (await command(operator, "list")).out
    assert "base units" not in asked.err
