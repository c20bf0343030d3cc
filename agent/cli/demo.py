"""`sessionkeeper demo`."""

import asyncio
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.live import LiveLines
from agent.cli.options import JsonOption
from agent.cli.output import say, show, show_json, show_table

if TYPE_CHECKING:
    from agent.demo.story import DemoResult
    from agent.demo.witness import Sale

app = typer.Typer()


@app.command("demo")
def demo_command(
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Write the files here; a fresh folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Watch a subscription, two orders and a loan on a local chain, with one kill -9 in the middle."""
    import signal

    from agent.cli.exit_codes import ExitCode
    from agent.demo.commands import DemoFailed
    from agent.demo.story import play
    from agent.settings import PREFIX, read_environment

    # As Ctrl-C does: everything that was started ends with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.TERMINATED))
    # An operator's own settings must not lead the demo's worker to an operator's store.
    environment = {name: text for name, text in read_environment().items() if not name.startswith(PREFIX)}
    began = time.monotonic()

    live = LiveLines()

    def tell(text: str) -> None:
        live.tell(f"{time.monotonic() - began:5.1f} s  {text}")

    try:
        result = asyncio.run(play(folder, environment, tell, live.show if sys.stderr.isatty() else None))
    except DemoFailed as failure:
        live.tell(f"{failure.code} {failure}")
        raise typer.Exit(ExitCode.INTERNAL) from None
    if as_json:
        show_json(_document(result))
    else:
        _show(result)
    _say_what_next(result.folder)


def _document(result: "DemoResult") -> dict[str, object]:
    return {
        "payments": [
            {
                "slot": payment.month,
                "transaction_hash": payment.transaction_hash,
                "amount": payment.amount,
                "block": payment.block,
            }
            for payment in result.payments
        ],
        "order": _sale(result.trades.order),
        "stop": _sale(result.trades.stop),
        "loan": {
            "transaction_hash": result.trades.loan.transaction_hash,
            "amount": result.trades.loan.amount,
            "health_before": result.trades.loan.health_before,
            "health_after": result.trades.loan.health_after,
            "block": result.trades.loan.block,
        },
        "limits": [
            {name: limit[name] for name in ("policy", "used", "limit", "remaining")}
            for limit in result.limits
        ],
        "kills": result.kills,
        "elapsed_s": result.elapsed_s,
    }


def _sale(sale: "Sale") -> dict[str, object]:
    return {
        "transaction_hash": sale.transaction_hash,
        "sold": sale.sold,
        "bought": sale.bought,
        "block": sale.block,
    }


def _show(result: "DemoResult") -> None:
    show("\nPayments, read from the chain by code that is not the agent's")
    rows = [
        [item.month, item.transaction_hash, f"{item.amount / 10**6:g} USDC", item.block]
        for item in result.payments
    ]
    show_table(["MONTH", "TRANSACTION", "AMOUNT", "BLOCK"], rows)
    _show_trades(result)
    show("\nLimits of the subscription's session")
    limits = [
        [limit[name] for name in ("policy", "unit", "used", "limit", "remaining")] for limit in result.limits
    ]
    show_table(["POLICY", "UNIT", "USED", "LIMIT", "REMAINING"], limits)
    show("\nThe same on the worker's /metrics")
    for line in result.metrics:
        if not line.startswith("#"):
            show(line)
    done = f"{len(result.payments)} payments, 2 orders, 1 loan saved, {result.kills} kill, 0 duplicates"
    show(f"\n{done}, {result.elapsed_s} s")


def _show_trades(result: "DemoResult") -> None:
    trades = result.trades
    show("\nOrders and the loan, read the same way")
    sales = {"sell-high": trades.order, "stop": trades.stop}
    rows = [
        [job, sale.transaction_hash, f"{sale.sold / 10**18:g} WETH for {sale.bought / 10**6:.2f} USDC"]
        for job, sale in sales.items()
    ]
    loan, one = trades.loan, 10**18
    health = f"health {loan.health_before / one:.4f} to {loan.health_after / one:.4f}"
    rows.append(["loan", loan.transaction_hash, f"{loan.amount / 10**6:.2f} USDC paid back, {health}"])
    show_table(["JOB", "TRANSACTION", "WHAT"], rows)


def _say_what_next(folder: Path) -> None:
    program = (
        shlex.quote(sys.argv[0])
        if Path(sys.argv[0]).name == "sessionkeeper"
        else f"{sys.executable} -m agent"
    )
    here = Path.cwd()
    place = shlex.quote(str(folder.relative_to(here) if folder.is_relative_to(here) else folder))
    say("\nTry next:")
    say(f"  {program} runs list -c {place}")
    say(f"  {program} sessions show newsletter -c {place}")
    say(f"  {program} devnet up --with-market")
