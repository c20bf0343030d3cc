"""What goes wrong around a payment, and that money is safe meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.devnet import chain
from agent.devnet.accounts import send_as_owner
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import mint_usdc
from agent.devnet.transactions import transact
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import Wei
from agent.erc7579.accounts import NEXUS, derived_lane, nonce_key
from agent.smart_sessions.addresses import SMART_SESSION
from tests.acceptance.command import beside
from tests.acceptance.crash_points import AFTER, BEFORE, CrashPoint
from tests.acceptance.stage import USDC, Stage, a_stage, dying_worker, move_to, next_days, run_once, worker
from tests.bundling import bundling_stopped

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
BLOCKS_TO_FINALITY = 3
BEFORE_SEND = CrashPoint("send", BEFORE)


async def test_short_balance_is_paid_once_it_is_there(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day, usdc=9 * USDC)
    await move_to(devnet, day)
    assert await run_once(stage) == 0
    assert code(stage, day) == "insufficient_balance"

    await mint_usdc(devnet, stage.account.address, 1 * USDC)
    await move_to(devnet, day, hour=2)
    assert await run_once(stage) == 0
    assert stage.findings() == []


async def test_balance_that_never_comes_ends_with_the_grace(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day, usdc=0, terms="grace: 3h")
    await move_to(devnet, day)
    assert await run_once(stage) == 0
    await move_to(devnet, day, hour=4)
    assert await run_once(stage) == 0

    assert (code(stage, day), stage.is_in(day, "failed")) == ("insufficient_balance", True)
    assert stage.findings(unpaid=(day,)) == []


async def test_paused_token_is_waited_for(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    await move_to(devnet, day)
    async with paused(devnet):
        assert await run_once(stage) == 0
        assert code(stage, day) == "token_paused"

    await move_to(devnet, day, hour=2)
    assert await run_once(stage) == 0
    assert stage.findings() == []


async def test_barred_payee_waits_for_a_person(devnet: Devnet, tmp_path: Path) -> None:
    day, after = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=day)
    await bar(stage)
    await move_to(devnet, day)
    assert await run_once(stage) == 0
    assert (code(stage, day), stage.is_in(day, "held")) == ("payee_blacklisted", True)

    await unbar(stage)
    resolve(stage, day, "--unpaid")
    await move_to(devnet, after)
    assert await run_once(stage) == 0
    assert stage.findings(unpaid=(day,)) == []


async def test_reverted_payment_is_tried_again_only_after_it_failed_for_good(
    devnet: Devnet, tmp_path: Path
) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day, terms="retry: [1h]")
    await reverted(stage, day)
    assert stage.row(day).attempt == 1  # type: ignore[union-attr]  # a missing row fails the test too

    await unbar(stage)
    await move_to(devnet, day, hour=2)
    assert await run_once(stage) == 0
    assert stage.findings() == []
    assert used(stage, "UsageLimit") == 2
    assert used(stage, "ERC20SpendingLimit") == 20 * USDC


async def test_the_ladder_s_end_is_a_failure(devnet: Devnet, tmp_path: Path) -> None:
    day, after = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=day)
    await reverted(stage, day)
    assert (code(stage, day), stage.is_in(day, "failed")) == ("attempts_ended", True)

    await unbar(stage)
    await move_to(devnet, after)
    assert await run_once(stage) == 0
    assert stage.findings(unpaid=(day,)) == []


async def test_nonce_used_by_another_is_held_and_resolved(devnet: Devnet, tmp_path: Path) -> None:
    day, after = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=day)
    await move_to(devnet, day)
    with dying_worker(stage, BEFORE_SEND) as dying:
        await dying.end()
    await raise_nonce(stage)
    with worker(stage) as running:
        await running.until(lambda: stage.is_in(day, "foreign"))

    resolve(stage, day, "--unpaid")
    await move_to(devnet, after)
    assert await run_once(stage) == 0
    assert stage.findings(unpaid=(day,)) == []


async def test_lane_ahead_of_the_journal_is_held(devnet: Devnet, tmp_path: Path) -> None:
    day, after = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=day)
    await move_to(devnet, day)
    # Once the slot is due: what used the nonce long before cannot have paid it.
    await raise_nonce(stage)
    await chain.mine(devnet, BLOCKS_TO_FINALITY)
    assert await run_once(stage) == 0
    assert (code(stage, day), stage.is_in(day, "held")) == ("lane_ahead", True)

    resolve(stage, day, "--unpaid")
    await move_to(devnet, after)
    assert await run_once(stage) == 0
    assert stage.findings(unpaid=(day,)) == []


async def test_stopped_in_flight_loses_nothing(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    async with bundling_stopped(devnet) as bundling:
        await move_to(devnet, day)
        with worker(stage) as running:
            await running.until(lambda: stage.is_in(day, "sent"))
            assert await running.stop() == 143
        assert stage.is_in(day, "sent")
        await bundling.go_on()
        assert await run_once(stage) == 0
    assert (stage.findings(), stage.payments()) == ([], 1)


async def reverted(stage: Stage, day: str) -> None:
    """Let the day's operation be included and revert: its payee is barred after it was signed."""
    await move_to(stage.devnet, day)
    with dying_worker(stage, BEFORE_SEND) as dying:
        await dying.end()
    await bar(stage)
    with dying_worker(stage, CrashPoint("record-finalize", AFTER)) as dying:
        await dying.end()
    assert stage.payments() == 0
    assert await run_once(stage) == 0


async def bar(stage: Stage) -> None:
    """Put the payee on the token's blacklist."""
    await usdc_admin(stage.devnet, "blacklist(address)", bytes(12) + stage.payee)


async def unbar(stage: Stage) -> None:
    """Take the payee off the token's blacklist."""
    await usdc_admin(stage.devnet, "unBlacklist(address)", bytes(12) + stage.payee)


@asynccontextmanager
async def paused(devnet: Devnet) -> AsyncIterator[None]:
    """Pause the token for everybody."""
    await usdc_admin(devnet, "pause()")
    try:
        yield
    finally:
        await usdc_admin(devnet, "unpause()")


async def usdc_admin(devnet: Devnet, signature: str, arguments: bytes = b"") -> None:
    """Call a function of the token as its owner, who has every role."""
    data = keccak256(signature.encode())[:4] + arguments
    await transact(devnet.rpc_url, Call(devnet.usdc, Wei(0), data))


async def raise_nonce(stage: Stage) -> None:
    """Let the owner use up the next sequence of the job's lane."""
    key = nonce_key(NEXUS, SMART_SESSION, derived_lane(NEXUS, stage.devnet.chain_id, "rent"))
    data = keccak256(b"incrementNonce(uint192)")[:4] + key.to_bytes(32, "big")
    await send_as_owner(stage.devnet, stage.account, [Call(stage.devnet.entry_point, Wei(0), data)])


def resolve(stage: Stage, day: str, decision: str) -> None:
    """Decide as a person does."""
    row = stage.row(day)
    assert row is not None
    words = ("runs", "resolve", str(row.id), decision, "--reason", "asked the payee", "-c", stage.folder)
    answer = beside(*words)
    assert answer.code == 0, answer.err


def used(stage: Stage, policy: str) -> int:
    """Read what the chain counted against a policy's limit."""
    limits = beside("sessions", "usage", "rent", "-c", stage.folder, "--json").json["limits"]
    return int(next(limit["used"] for limit in limits if limit["policy"] == policy))


def code(stage: Stage, day: str) -> str | None:
    """Return the code of the last reason."""
    row = stage.row(day)
    return None if row is None else row.code
