"""`sessionkeeper kill`: stop now, ask later."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.exit_codes import ExitCode
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show_json
from agent.cli.scope_options import (
    AccountsOption,
    AllOption,
    ChainsOption,
    JobsOption,
    Named,
    ScopesOption,
    SessionsOption,
)

if TYPE_CHECKING:
    from agent.commands.kill import Killed, StoreDoor
    from agent.definitions.records import Definitions
    from agent.domain.hold import Scope
    from agent.domain.kill import KillOrder
    from agent.domain.units import Timestamp
    from agent.settings import Settings

app = typer.Typer()


@app.command("kill")
def kill_command(
    job: JobsOption = None,
    session: SessionsOption = None,
    account: AccountsOption = None,
    chain: ChainsOption = None,
    scope: ScopesOption = None,
    everything: AllOption = False,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; kept in the journal.")
    ] = "killed by the operator",
    cancel: Annotated[
        bool,
        typer.Option(
            "--cancel", help="Have what is in flight cancelled: only such harmless operations leave."
        ),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop signing and sending at once, until `unkill`; what is in flight is followed to its end.

    Works while the worker runs, hangs or is down, and while the store is locked. Leaves with 0 when nothing
    can leave any more, with 75 when a worker did not answer within a second: the order stands all the same.
    """
    from agent.bootstrap import kill_switch, store_door
    from agent.cli.loading import settings_for
    from agent.commands.kill import Answer, kill
    from agent.definitions.store_place import load_store_place
    from agent.domain.errors import StoreUnavailable
    from agent.settings import read_environment
    from agent.telemetry.logging import LogForm, configure

    named = Named(job or (), session or (), account or (), chain or (), scope or (), everything)
    settings = settings_for(config)
    # As every command: what goes wrong on the way is told at the end, and stdout is for the document alone.
    configure(level="error", form=LogForm(settings.log_format.value), mode="live")
    place = load_store_place(settings.config, read_environment())
    switch, door = kill_switch(settings, place), store_door(settings, place)
    orders = _orders(named.plain(place.chain_ids), reason, cancel)
    if orders and not named.needs_files:
        # Before the files of jobs and sessions are read: there may be many, and mistakes in them.
        with suppress(StoreUnavailable):
            orders = switch.add(orders)
    definitions, problem = _definitions(settings)
    if named.needs_files:
        if definitions is None:
            raise typer.BadParameter(
                f"the files cannot be read, so name --all, --account or --chain: {problem}"
            )
        orders += _orders(named.filed(definitions, must_exist=True), reason, cancel)
    now = _Now(settings, definitions)
    done = kill(switch, door, orders, now)
    problems = [*done.problems, *([problem] if problem else []), *_nothing_under(definitions, done.orders)]
    payloads = _payloads(definitions, switch.place.parent, done.orders, problems)
    document = _document(done, switch.place, payloads, problems)
    if cancel:
        document["cancelling"] = _cancelled(done, door, now, reason, document["problems"])
    _tell(document, as_json=as_json)
    if done.answer is Answer.SILENT:
        raise typer.Exit(ExitCode.RETRY_LATER)


def _orders(scopes: "Sequence[Scope]", reason: str, cancel: bool) -> "tuple[KillOrder, ...]":
    from agent.domain.kill import KillOrder

    return tuple(KillOrder(scope, token_hex(8), reason, cancels=cancel) for scope in scopes)


def _definitions(settings: "Settings") -> "tuple[Definitions | None, str]":
    from agent.cli.loading import load_definitions
    from agent.definitions.mistakes import DefinitionError

    try:
        return load_definitions(settings), ""
    except DefinitionError as error:
        return None, f"the files have mistakes, so no revocations were written: {error}".splitlines()[0]


class _Now:
    """The time by which jobs are due; the wall's where the files or the chain do not say."""

    def __init__(self, settings: "Settings", definitions: "Definitions | None") -> None:
        self._settings = settings
        self._definitions = definitions

    async def __call__(self) -> "Timestamp":
        from agent.bootstrap import Store, opened
        from agent.domain.errors import AgentError
        from agent.domain.units import Timestamp

        if self._definitions is not None:
            try:
                async with opened(self._settings, self._definitions, store=Store.NONE, keys=False) as world:
                    return await world.services.clock.now()
            except AgentError:
                pass
        return Timestamp(int(time.time()))


def _cancelled(
    done: "Killed", door: "StoreDoor", now: _Now, reason: str, problems: list[str]
) -> list[dict[str, Any]]:
    """Ask for the cancels, and return the runs with what became of it."""
    import asyncio

    from agent.commands.kill_cancel import cancel_in_flight
    from agent.domain.errors import StoreUnavailable

    if not door.is_there:
        return []
    if not done.journaled:
        problems.append("the store does not answer, so nothing is cancelled yet: order the same kill again")
        return []
    scopes = [order.scope for order in done.orders]
    try:
        asked = asyncio.run(cancel_in_flight(door.open, scopes, now, reason))
    except StoreUnavailable as error:
        problems.append(f"not everything in flight is cancelled, order the same kill again: {error}")
        return []
    return [
        {
            "run": one.run_id,
            "job": one.job_id,
            "asked": not one.why_not,
            "why_not": one.why_not or None,
            "waits_for": [{"scope": str(hold.scope), "code": hold.code} for hold in one.waits_for],
        }
        for one in asked
    ]


def _nothing_under(definitions: "Definitions | None", orders: "Sequence[KillOrder]") -> Iterator[str]:
    from agent.commands.kill_payloads import reaches

    for order in orders:
        if definitions is not None and not reaches(definitions, order.scope):
            yield f"no job and no session of the files is under {order.scope}: is it the right one?"


def _payloads(
    definitions: "Definitions | None",
    folder: Path,
    orders: "Sequence[KillOrder]",
    problems: list[str],
) -> tuple[Path, ...]:
    from agent.commands.kill_payloads import FOLDER, write_payloads
    from agent.domain.errors import StoreUnavailable

    if definitions is None:
        return ()
    try:
        return write_payloads(folder / FOLDER, definitions, [order.scope for order in orders])
    except StoreUnavailable as error:
        # What was ordered stands: that is what has to be said.
        problems.append(f"no revocations were written: {error}")
        return ()


def _document(
    done: "Killed", kill_file: Path, payloads: Sequence[Path], problems: Sequence[str]
) -> dict[str, Any]:
    return {
        "killed": [str(order.scope) for order in done.orders],
        "answer": str(done.answer),
        "worker": done.worker,
        "waited_s": round(done.waited_s, 3),
        "journaled": done.journaled,
        "kill_file": str(kill_file),
        "revocations": [str(path) for path in payloads],
        "problems": list(problems),
    }


def _tell(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(document)
    else:
        for line in _lines(document):
            say(line)
    for problem in document["problems"]:
        say(f"warning: {problem}")
    if not document["journaled"]:
        say("warning: not in the journal yet; the worker, or the next one, journals it from the kill file")
    say(_answer(document))


def _lines(document: dict[str, Any]) -> Iterator[str]:
    yield f"killed: {', '.join(document['killed'])}"
    for one in document.get("cancelling", ()):
        yield f"run {one['run']} of {one['job']}: {_cancelling(one)}"
    for path in document["revocations"]:
        yield f"to take the session back for good, the owner signs: {path}"
    yield "let it go with: sessionkeeper unkill --reason TEXT, with the same options"


def _cancelling(one: dict[str, Any]) -> str:
    if one["waits_for"]:
        held = ", ".join(f"{hold['scope']} {hold['code']}" for hold in one["waits_for"])
        return f"may still pay; it is cancelled once this is let go: {held} (see status)"
    return "is being cancelled; it may still pay" if one["asked"] else str(one["why_not"])


def _answer(document: dict[str, Any]) -> str:
    from agent.commands.kill import Answer

    match document["answer"]:
        case Answer.WORKER:
            return f"the worker acknowledged after {document['waited_s']} s: nothing of it leaves any more"
        case Answer.NOBODY:
            return "no worker runs on this store, and one that starts sends nothing of it"
        case _:
            return _silence(document["worker"])


def _silence(worker: str | None) -> str:
    who = f"the worker, {worker}," if worker else "a worker, if one runs,"
    return (
        f"warning: {who} did not answer within 1 s: what it was sending may still leave. The order stands, "
        "nothing else is sent. To be sure end the worker (kill -9) and order the kill again"
    )
