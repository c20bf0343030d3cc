"""`sessionkeeper devnet`: a local chain with a bundler and everything deployed."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.exit_codes import ExitCode
from agent.cli.options import JsonOption
from agent.cli.output import say, show_table

app = typer.Typer(help="Run a local chain with a bundler and everything deployed.", no_args_is_help=True)


@app.callback()
def devnet() -> None:
    """Run a local chain with a bundler and everything deployed."""


@app.command()
def up(
    block_time: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Time between blocks; 0 mines each transaction.")
    ] = 1,
    contracts: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Use DIR/<Name>.json in place of our stand-ins.")
    ] = None,
    fork_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Start from that chain and use its contracts.")
    ] = None,
    port: Annotated[int | None, typer.Option(metavar="PORT", help="The node's port; a free one.")] = None,
    bundler_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="The bundler's port; a free one.")
    ] = None,
    with_market: Annotated[
        bool, typer.Option("--with-market", help="Deploy exchanges, lenders, price feeds and odd tokens too.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave it running; `devnet down` ends it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start a local chain, print where it is and stay until Ctrl-C."""
    from agent.devnet.options import DevnetOptions
    from agent.devnet.serve import serve
    from agent.devnet.setup import set_up

    # Python would die at once and leave npm behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.TERMINATED))
    set_up()
    if detach:
        _announce(_started_apart(), as_json=as_json)
        return
    options = DevnetOptions(
        block_time_s=block_time,
        contracts_dir=contracts,
        fork_url=fork_url,
        rpc_port=port,
        bundler_port=bundler_port,
        with_market=with_market,
    )
    stopped_by = asyncio.run(serve(options, lambda facts: _announce(facts, as_json=as_json)))
    raise typer.Exit(128 + stopped_by)


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show the local chains that run."""
    from agent.devnet import records

    running = records.running()
    if as_json:
        typer.echo(json.dumps([record.document for record in running], indent=2))
    elif not running:
        say("no local chain runs")
    for record in () if as_json else running:
        _show(record.document)


@app.command()
def down(as_json: JsonOption = False) -> None:
    """End the local chains that `up` started."""
    from agent.devnet import records

    ended = {record.document["rpc_url"]: records.end(record) for record in records.running()}
    if as_json:
        typer.echo(json.dumps({"ended": ended}, indent=2))
    elif not ended:
        say("no local chain runs")
    for url, pids in () if as_json else ended.items():
        say(f"ended {url}, processes {', '.join(map(str, pids))}")


def _started_apart() -> dict[str, Any]:
    """Run this command line again, without --detach, in a session of its own, and read what it prints."""
    from agent.devnet.paths import devnet_dir

    arguments = [word for word in sys.argv[1:] if word not in {"--detach", "--json"}]
    log_file = devnet_dir() / "detached.log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", *arguments, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        say(log_file.read_text().rstrip())
        raise typer.Exit(process.wait())
    facts: dict[str, Any] = json.loads(line)
    return facts


def _announce(facts: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        # One line, so that a reader knows when it has all of it.
        typer.echo(json.dumps(facts))
        sys.stdout.flush()
        return
    _show(facts)
    say("end it with Ctrl-C, or with: sessionkeeper devnet down")


def _show(facts: Mapping[str, Any]) -> None:
    rows = [(name, facts[name]) for name in ("rpc_url", "bundler_url", "strict_bundler_url", "chain_id")]
    rows += [(f"EntryPoint {version}", at) for version, at in facts["entry_points"].items()]
    rows += list(facts["contracts"].items())
    rows += [
        (f"paymaster {kind}", f"{at['address']} {at['url']}") for kind, at in facts["paymasters"].items()
    ]
    rows += list(facts.get("market", {}).items())
    rows += [("funded account", f"{key['address']} {key['private_key']}") for key in facts["funded_keys"]]
    rows += [("log_folder", facts["log_folder"]), ("pid", facts["pid"])]
    show_table(("what", "value"), rows)
