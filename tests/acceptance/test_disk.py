"""The journal's disk is full, or its file was damaged: nothing is sent that is not written down."""

import resource
import shutil
from functools import partial
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.behind_proxies import proxied
from tests.acceptance.oracle.books import read_books
from tests.acceptance.proxy import ESTIMATE, Mode, Strike
from tests.acceptance.stage import Stage, Worker, a_stage, move_to, next_days, run_once, worker
from tests.acceptance.test_interruptions import command

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
CONFIG = 3
PAGE_BYTES = 4096


def fill_disk(running: Worker) -> None:
    """Let no file of the worker grow, as a full disk does; not even its own log."""
    _limit_files(running, 1)


def empty_disk(running: Worker) -> None:
    """Make room again."""
    _limit_files(running, resource.RLIM_INFINITY)


def _limit_files(running: Worker, most_bytes: int) -> None:
    assert running.process.pid is not None
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


async def test_full_disk_sends_nothing_until_there_is_room(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    async with proxied(stage) as proxies:
        with worker(stage) as running:
            await running.until(lambda: "recovered" in stage.log)
            fill_disk(running)
            await move_to(devnet, day)
            await proxies.looked_around(running)
            assert (proxies.bundler.sent, read_books(stage.store).operations) == ([], ())
            empty_disk(running)
            await running.until(partial(stage.is_paid, day))
        assert (proxies.findings(), stage.payments()) == ([], 1)


async def test_disk_that_fills_up_while_a_payment_is_prepared_sends_nothing(
    devnet: Devnet, tmp_path: Path
) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    async with proxied(stage) as proxies:
        proxies.bundler.arm([Strike(Mode.DELAY, frozenset({ESTIMATE}), 1)])
        with worker(stage) as running:
            await move_to(devnet, day)
            await running.until(lambda: proxies.bundler.struck[Mode.DELAY] == 1)
            fill_disk(running)
            await proxies.looked_around(running)
            assert (proxies.bundler.sent, read_books(stage.store).operations) == ([], ())
            empty_disk(running)
            await running.until(partial(stage.is_paid, day))
        assert (proxies.findings(), stage.payments()) == ([], 1)


@pytest.mark.parametrize("damage", ["page", "row"])
async def test_damaged_file_is_refused_and_a_new_journal_pays_nothing_twice(
    devnet: Devnet, tmp_path: Path, damage: str
) -> None:
    day, after = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=day)
    await move_to(devnet, day)
    assert await run_once(stage) == 0
    damage_page(stage) if damage == "page" else damage_row(stage)

    await move_to(devnet, after)
    assert await run_once(stage) == CONFIG
    assert "damaged" in stage.log
    assert stage.payments() == 1
    (found,) = [
        item
        for item in (await command(stage, "doctor", "--json")).json["findings"]
        if item["name"] == "store" and item["level"] == "fail"
    ]
    assert "docs/operating.md" in found["remedy"]

    shutil.rmtree(tmp_path / "state")
    assert await run_once(stage) == 0
    assert [item for item in stage.findings() if item.rule not in ("I2", "I4")] == []
    assert stage.payments() == 2


def damage_page(stage: Stage) -> None:
    """Overwrite the head of a page in the middle of the file."""
    file = Path(stage.store)
    middle = file.stat().st_size // PAGE_BYTES // 2 * PAGE_BYTES
    with file.open("r+b") as pages:
        pages.seek(middle)
        pages.write(bytes(range(64)))


def damage_row(stage: Stage) -> None:
    """Make of a payment that was made one that was not: SQLite itself finds nothing wrong with that."""
    file = Path(stage.store)
    content = file.read_bytes()
    assert b"final_ok" in content
    file.write_bytes(content.replace(b"final_ok", b"skipped_"))
