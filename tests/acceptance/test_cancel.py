"""A person cancels a payment that is on its way: the worker does it, and the lane goes on."""

from functools import partial
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.pipeline.ladder import KNOWN_THERE
from tests.acceptance.oracle.books import Signed, read_books
from tests.acceptance.stage import USDC, Stage, a_stage, move_to, next_days, worker
from tests.acceptance.test_interruptions import command
from tests.acceptance.test_trouble import code
from tests.bundling import bundling_stopped

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_payment_that_is_on_its_way_is_cancelled_by_a_person(devnet: Devnet, tmp_path: Path) -> None:
    day, after = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=day)
    async with bundling_stopped(devnet) as bundling:
        await move_to(devnet, day)
        with worker(stage) as running:
            await running.until(lambda: code(stage, day) in KNOWN_THERE)
            await cancel(stage, day)
            # Signed is not sent: let go before it has the cancel, the bundler bundles the payment.
            await running.until(lambda: len(signed_for(stage, day)) == 2 and code(stage, day) in KNOWN_THERE)
            await bundling.go_on()
            await running.until(lambda: stage.is_in(day, "cancelled"))
            await move_to(devnet, after)
            await running.until(partial(stage.is_paid, after))

    assert await token_balance(devnet, devnet.usdc, stage.payee) == 10 * USDC
    payment, its_cancel = signed_for(stage, day)
    assert (payment.nonce_key, payment.sequence) == (its_cancel.nonce_key, its_cancel.sequence)
    assert its_cancel.call_data != payment.call_data


async def cancel(stage: Stage, day: str) -> None:
    """Cancel as a person does."""
    row = stage.row(day)
    assert row is not None
    answer = await command(stage, "runs", "cancel", str(row.id), "--reason", "the contract ended")
    assert answer.code == 0, answer.err


def signed_for(stage: Stage, day: str) -> list[Signed]:
    """Return the operations signed for a slot, in their order."""
    books, row = read_books(stage.folder / "state" / "journal.db"), stage.row(day)
    return [item for item in books.signed.values() if row is not None and item.occurrence == row.id]
