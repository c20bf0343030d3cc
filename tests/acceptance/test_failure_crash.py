"""The worker dies before and after each record of what goes wrong: reverts, ends of time, reorgs, cancels.

Each death is SIGKILL, and the next worker takes up what it left. A payment that succeeds: `test_crash.py`.
"""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.devnet import chain, rpc
from agent.devnet.devnet import Devnet
from agent.devnet.paymasters import PaymasterKind
from agent.devnet.tokens import token_balance
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.disposition import QUIET_S
from agent.pipeline.ladder import KNOWN_THERE
from tests.acceptance.crash_points import AFTER, BEFORE, DURING, CrashPoint, around
from tests.acceptance.deaths import died_in_turn
from tests.acceptance.hurry import LANDED
from tests.acceptance.reorgs import FINAL_AFTER, LATE_FINALITY
from tests.acceptance.stage import Stage, a_stage, move_to, next_days, run_once, until, worker
from tests.acceptance.test_cancel import cancel, signed_for
from tests.acceptance.test_trouble import BLOCKS_TO_FINALITY, bar, code, resolve, unbar
from tests.bundling import bundling_stopped
from tests.integration.sponsoring import CAPS, Service, services

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
WINDOW_S = 1800
"""Far longer than two workers take to sign and send, on a busy machine too."""
UNSENT = (CrashPoint("send", BEFORE), State.SENT)
SENT = (CrashPoint("record-answer", AFTER), State.SENT)
REVERT = (
    (Event.SEE_FAIL, State.INCLUDED_FAIL),
    (Event.FINALIZE, State.FINAL_FAIL),
    (Event.RETRY, State.CLAIMED),
)
END_OF_TIME = (Event.VOID, State.EXPIRED), (Event.RETRY, State.CLAIMED)
NEXT_ATTEMPT = (
    (CrashPoint("record-plan", AFTER), State.PLANNED),
    (CrashPoint("append", DURING), State.PLANNED),
    (CrashPoint("append", AFTER), State.SIGNED),
)
UNSIGNED_CANCEL = (CrashPoint("append", BEFORE), CrashPoint("append", DURING))
SIGNED_CANCEL = (
    CrashPoint("append", AFTER),
    *around(Event.SEND),
    CrashPoint("send", AFTER),
    *around(Event.ANSWER),
)


async def test_worker_that_dies_at_each_step_of_a_failure_fails_once_and_pays_once(
    devnet: Devnet, tmp_path: Path
) -> None:
    (day,) = await next_days(devnet, 1)
    async with services(devnet, PaymasterKind.VERIFYING) as (paymaster,):
        reverts, expires = retried = await asyncio.gather(
            a_stage(devnet, tmp_path / "reverts", start=day, terms="retry: [1h]"),
            a_sponsored_stage(devnet, tmp_path / "expires", paymaster, start=day),
        )
        await move_to(devnet, day)
        # The bundler's clock is the wall's, far ahead: it takes the operation and never includes it.
        paymaster.valid_until = Timestamp(await chain.block_time(devnet) + WINDOW_S)
        await asyncio.gather(
            died_in_turn(reverts, day, UNSENT),
            died_in_turn(expires, day, SENT),
        )
        paymaster.valid_until = None
        await bar(reverts)
        await chain.increase_time(devnet, WINDOW_S + 1)
        await chain.mine(devnet, BLOCKS_TO_FINALITY)
        await asyncio.gather(
            died_in_turn(reverts, day, *between(State.SENT, *REVERT)),
            died_in_turn(expires, day, *between(State.SENT, *END_OF_TIME)),
        )
        assert (reverts.payments(), expires.payments()) == (0, 0)

        await unbar(reverts)
        await move_to(devnet, day, hour=3)
        await asyncio.gather(*(died_in_turn(stage, day, *NEXT_ATTEMPT) for stage in retried))
        await paid(day, *retried)

    assert [(stage.findings(), stage.payments()) for stage in retried] == [([], 1)] * 2
    assert [attempts(stage, day) for stage in retried] == [2, 2]
    # What lands late may have got higher fees: that is another operation of the same attempt and sequence.
    assert sequences(reverts, day) == {(1, 0), (2, 1)}
    assert sequences(expires, day) == {(1, 0), (2, 0)}


async def test_worker_that_dies_at_each_step_of_a_reorg_pays_once(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    succeeds, reverts = stages = [
        await a_stage(devnet, tmp_path / name, start=day, chain_lines=LATE_FINALITY)
        for name in ("succeeds", "reverts")
    ]
    await move_to(devnet, day)
    await died_in_turn(reverts, day, UNSENT)
    await bar(reverts)
    await asyncio.gather(
        died_in_turn(succeeds, day, (CrashPoint("record-see_ok", AFTER), State.INCLUDED_OK)),
        died_in_turn(reverts, day, (CrashPoint("record-see_fail", AFTER), State.INCLUDED_FAIL)),
    )
    await taken_back(devnet, day, *stages)
    await unbar(reverts)
    await asyncio.gather(
        died_in_turn(succeeds, day, *between(State.INCLUDED_OK, (Event.REORG, State.SENT))),
        died_in_turn(reverts, day, *between(State.INCLUDED_FAIL, (Event.REORG, State.SENT))),
    )
    assert [stage.payments() for stage in stages] == [0, 0]

    with worker(succeeds), worker(reverts):
        # Once: moved on again and again, what waits would soon be so old that it gets higher fees.
        await chain.increase_time(devnet, QUIET_S + 1)
        await until(lambda: all(stage.is_in(day, *LANDED) for stage in stages), *stages)
        await chain.mine(devnet, FINAL_AFTER + 1)
        await until(lambda: all(stage.is_paid(day) for stage in stages), *stages)

    assert [(stage.findings(), stage.payments()) for stage in stages] == [([], 1)] * 2
    assert [len(signed_for(stage, day)) for stage in stages] == [1, 1]


async def test_worker_that_dies_as_it_holds_a_run_pays_it_once_or_never(
    devnet: Devnet, tmp_path: Path
) -> None:
    (day,) = await next_days(devnet, 1)
    barred, orphan = await asyncio.gather(
        *(a_stage(devnet, tmp_path / name, start=day) for name in ("barred", "orphan"))
    )
    await bar(barred)
    await move_to(devnet, day)
    await died_in_turn(orphan, day, (CrashPoint("send", AFTER), State.SENT))
    job = orphan.folder / "jobs" / "rent.yaml"
    text = job.read_text()
    job.unlink()
    paid_and_held = (Event.SEE_OK, State.INCLUDED_OK), (Event.HOLD, State.HELD)
    await asyncio.gather(
        died_in_turn(barred, day, *between(State.CLAIMED, (Event.HOLD, State.HELD))),
        died_in_turn(orphan, day, *between(State.SENT, *paid_and_held)),
    )
    assert [await run_once(stage) for stage in (barred, orphan)] == [0, 0]
    assert [stage.is_in(day, State.HELD) for stage in (barred, orphan)] == [True, True]
    assert [code(stage, day) for stage in (barred, orphan)] == ["payee_blacklisted", "delivery_unknown"]

    job.write_text(text)
    resolve(orphan, day, "--paid")
    await died_in_turn(orphan, day, *((point, State.FINAL_OK) for point in around(Event.SETTLE)))
    assert await run_once(orphan) == 0
    assert (orphan.is_paid(day), orphan.findings(), orphan.payments()) == (True, [], 1)
    assert (barred.findings(unpaid=(day,)), barred.payments()) == ([], 0)


async def test_worker_that_dies_at_each_step_of_a_cancel_cancels_and_pays_nothing(
    devnet: Devnet, tmp_path: Path
) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    async with bundling_stopped(devnet) as bundling:
        await move_to(devnet, day)
        await died_in_turn(stage, day, SENT)
        await cancel(stage, day)
        await died_in_turn(stage, day, *((point, State.SENT) for point in UNSIGNED_CANCEL))
        assert len(signed_for(stage, day)) == 1
        await died_in_turn(stage, day, *((point, State.SENT) for point in SIGNED_CANCEL))
        assert len(signed_for(stage, day)) == 2
        await known_there(stage, day)
        await bundling.go_on()
        # A bundler may have dropped what it took: then it gets it again at once.
        await chain.increase_time(devnet, QUIET_S + 1)
        await died_in_turn(stage, day, *between(State.SENT, (Event.SEE_CANCEL, State.CANCELLED)))
        await died_in_turn(stage, day, *((point, State.CANCELLED) for point in around(Event.SETTLE)))
    assert await run_once(stage) == 0

    row = stage.row(day)
    assert row is not None
    assert (row.state, row.code, row.settled) == (State.CANCELLED, "cancelled", True)
    payment, *cancels = signed_for(stage, day)
    assert {(item.nonce_key, item.sequence) for item in cancels} == {(payment.nonce_key, payment.sequence)}
    # The oracle knows payments alone: a cancel is what no job promises, and it moves nothing.
    (stray,) = stage.findings(unpaid=(day,))
    assert stray.rule == "I7"
    assert any(item.hash in stray.message for item in cancels)
    assert await token_balance(devnet, devnet.usdc, stage.payee) == 0


def between(state: State, *changes: tuple[Event, State]) -> list[tuple[CrashPoint, str]]:
    """Return the points around changes that follow each other, and the state that each point leaves."""
    deaths: list[tuple[CrashPoint, str]] = []
    for event, after in changes:
        deaths += zip(around(event), (state, after), strict=True)
        state = after
    return deaths


async def a_sponsored_stage(devnet: Devnet, folder: Path, paymaster: Service, *, start: str) -> Stage:
    """Make a stage whose payments end with the window of a paymaster."""
    lines = [
        "    paymasters:",
        "      first:",
        f"        url: {paymaster.url}",
        f"        addresses: ['{paymaster.address}']",
        *(f'        {name}: "{cap}"' for name, cap in CAPS.items()),
    ]
    terms = "pay_gas_by: [first]\nretry: [1h]"
    return await a_stage(devnet, folder, start=start, terms=terms, chain_lines="\n".join(lines) + "\n")


async def known_there(stage: Stage, day: str) -> None:
    """Let workers send until the bundler says that it has it: what it has not got it cannot bundle."""
    while code(stage, day) not in KNOWN_THERE:
        await died_in_turn(stage, day, SENT)


async def taken_back(devnet: Devnet, day: str, *stages: Stage) -> None:
    """Let the blocks of the day's operations leave the chain."""
    rows = [stage.row(day) for stage in stages]
    blocks = [int(row.inclusion["block_number"]) for row in rows if row is not None and row.inclusion]
    await chain.reorg_from(devnet, min(blocks))
    # Alto does not take back what it believes to be included: a bundler that follows the chain would.
    await rpc.call(devnet.bundler_url, "debug_bundler_clearState")


async def paid(day: str, *stages: Stage) -> None:
    """Let workers that nobody kills pay the day."""
    with ExitStack() as running:
        for stage in stages:
            running.enter_context(worker(stage))
        await until(lambda: all(stage.is_paid(day) for stage in stages), *stages)


def attempts(stage: Stage, day: str) -> int:
    """Return how many attempts the day took."""
    row = stage.row(day)
    return 0 if row is None else row.attempt


def sequences(stage: Stage, day: str) -> set[tuple[int, int]]:
    """Return the attempts that operations were signed for, each with its sequence."""
    return {(item.attempt, item.sequence) for item in signed_for(stage, day)}
