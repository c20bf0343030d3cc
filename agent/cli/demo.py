"""`sessionkeeper demo`."""

import asyncio
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import JsonOption
from agent.cli.output import say, show, show_json, show_table

if TYPE_CHECKING:
    from agent.demo.story import DemoResult

app = typer.Typer()


@app.command("demo")
def demo_command(
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Write the files here; a fresh folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Watch a subscription being paid on a local chain, with one kill -9 in the middle."""
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

    def tell(text: str) -> None:
        say(f"{time.monotonic() - began:5.1f} s  {text}")

    try:
        result = asyncio.run(play(folder, environment, tell))
    except DemoFailed as failure:
        say(f"{failure.code} {failure}")
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
        "limits": [
            {name: limit[name] for name in ("policy", "used", "limit", "remaining")}
            for limit in result.limits
        ],
        "kills": result.kills,
        "elapsed_s": result.elapsed_s,
    }


def _show(result: "DemoResult") -> None:
    show("\nPayments, read from the chain by code that is not the agent's")
    rows = [
        [item.month, item.transaction_hash, f"{item.amount / 10**6:g} USDC", item.block]
        for item in result.payments
    ]
    show_table(["MONTH", "TRANSACTION", "AMOUNT", "BLOCK"], rows)
    show("\nLimits of the session")
    limits = [
        [limit[name] for name in ("policy", "unit", "used", "limit", "remaining")] for limit in result.limits
    ]
    show_table(["POLICY", "UNIT", "USED", "LIMIT", "REMAINING"], limits)
    show("\nThe same on the worker's /metrics")
    for line in result.metrics:
        if not line.startswith("#"):
            show(line)
    show(f"\n{len(result.payments)} payments, {result.kills} kill, 0 duplicates, {result.elapsed_s} s")


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
    say(f"  {program} devnet up")
