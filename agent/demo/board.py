"""What a person sees while the demo is played: the market, and each job beside it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from agent.demo.commands import logged
from agent.demo.files import JOB, LOAN, ORDER, STOP
from agent.demo.market_files import LIMIT, STOP_AT, TARGET, TRIGGER
from agent.demo.stage import Stage
from agent.devnet.defi import aave
from agent.devnet.defi.chainlink import DOLLAR
from agent.devnet.defi.market import ETHER, USDC
from agent.devnet.defi.uniswap_v3 import price
from agent.devnet.errors import DevnetError
from agent.devnet.tokens import token_balance

Row = tuple[str, str]
Show = Callable[[Sequence[Row]], None]
REFRESH_S = 0.4
ONE = 10**18
WAITS = {
    JOB: "10 USDC on the first of each month",
    ORDER: f"waits until the pool pays {LIMIT}",
    STOP: f"waits until Chainlink says {STOP_AT}",
    LOAN: f"acts at {TRIGGER}, up to {TARGET}",
}


@asynccontextmanager
async def shown(stage: Stage, show: Show | None) -> AsyncIterator[None]:
    """Keep the board up to date for as long as the block runs; without `show` there is none."""
    if show is None:
        yield
        return
    task = asyncio.create_task(_keep_up(stage, show))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_up(stage: Stage, show: Show) -> None:
    while True:
        # The chain may be too busy to answer: the next look will do.
        with suppress(DevnetError):
            show(await board(stage))
        await asyncio.sleep(REFRESH_S)


async def board(stage: Stage) -> list[Row]:
    """Return what the market says now and the last that each job did."""
    market, owner = stage.market, stage.account.address
    devnet, url = market.devnet, market.devnet.rpc_url
    spot, feed, data, dollars, ether = await asyncio.gather(
        price(url, market.pool_3000, market.weth, ETHER),
        aave.oracle_price(devnet, market.aave, market.weth),
        aave.account_data(devnet, market.aave, owner),
        token_balance(devnet, market.usdc, owner),
        token_balance(devnet, market.weth, owner),
    )
    rows = [
        ("an ether", f"{spot / USDC:.2f} USDC in the pool, {feed / DOLLAR:.2f} by Chainlink"),
        ("the account", f"{dollars / USDC:.2f} USDC, {ether / ETHER:g} WETH"),
        ("its loan", f"health factor {data.health_factor / ONE:.4f}"),
    ]
    lines = logged(stage.agent.folder.log_file)
    return [*rows, *((job, _job_text(job, lines)) for job in WAITS)]


def _job_text(job: str, lines: Sequence[dict[str, Any]]) -> str:
    changes = [line for line in lines if line.get("job") == job and line["event"] == "occurrence_changed"]
    done = {line["slot"] for line in changes if line["state"] == "final_ok"}
    if not changes:
        return WAITS[job]
    last = changes[-1]
    return f"{last['slot']} {last['state'].replace('_', ' ')}, {len(done)} done"
