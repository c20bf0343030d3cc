"""`jobs test`, `record` and `replay`: try jobs on blocks that are there, and send nothing."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.exit_codes import BY_CODE, ExitCode
from agent.cli.options import ConfigOption, JsonOption
from agent.cli.output import say, show, show_json

if TYPE_CHECKING:
    from agent.bootstrap import World
    from agent.cli.jobs_trying import JobFile
    from agent.commands.jobs_try import Tried
    from agent.commands.recording import Header
    from agent.commands.replay import Replayed

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A file of jobs/.")]
FromOption = Annotated[int | None, typer.Option("--from", min=0, metavar="BLOCK", help="The first block.")]
ToOption = Annotated[int | None, typer.Option("--to", min=0, metavar="BLOCK", help="The last block.")]
EveryOption = Annotated[int, typer.Option("--every", min=1, help="One block of so many.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("test")(try_command)
    app.command("record")(record_command)
    app.command("replay")(replay_command)


def try_command(
    file: FileArgument,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="By this time: 2026-03-01T09:00:00Z, or a day's end."),
    ] = None,
    block: Annotated[
        int | None, typer.Option("--block", min=0, help="At this block; the newest, or that of --at.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what the jobs of a file see and would do at a block; nothing is written or sent.

    Leave with 6, or 11 for a used-up limit, if a job would act and its session does not let it.
    """
    from agent.cli.jobs_trying import job_file, tried_document, tried_lines

    found = job_file(config, file)
    tried = _tried(found, at, block)
    if as_json:
        show_json({"jobs": [tried_document(item) for item in tried]})
    else:
        for line in (line for item in tried for line in tried_lines(item)):
            show(line)
    _leave_refused(tried)


def record_command(
    file: FileArgument,
    first: FromOption,
    last: ToOption,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where to write; gone on with if there.")
    ],
    every: EveryOption = 1,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read what the jobs of a file look at over a range of blocks of an archive node into a file.

    Ctrl-C keeps what was read; the same command goes on with it.
    """
    from agent.cli.jobs_trying import header_of, job_file
    from agent.cli.world import with_chains
    from agent.commands.jobs_record import record

    if first is None or last is None:
        raise typer.BadParameter("say which blocks with --from and --to")
    found = job_file(config, file)
    header = header_of(found, first, last, every)

    def progress(done: int, of: int) -> None:
        if not as_json:
            say(f"{done} of {of} blocks")

    async def read(world: "World") -> int:
        return await record(world.chains[header.chain_id].reader, header, out, progress)

    count = with_chains(found.settings, found.definitions, read)
    if as_json:
        show_json({"file": str(out), "read": count, "blocks": len(header.numbers)})
    else:
        say(f"{out}: {len(header.numbers)} blocks, {count} read now")


def replay_command(
    file: FileArgument,
    data: Annotated[Path | None, typer.Option("--data", metavar="FILE", help="A recorded file.")] = None,
    first: FromOption = None,
    last: ToOption = None,
    every: EveryOption = 1,
    gas: Annotated[
        int | None, typer.Option("--gas", min=1, help="Gas of an operation; its cap, or what is usual.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the jobs of a file over recorded blocks: what fires, is paid and missed, and when sessions run dry.

    Leave with 11 if a session ran dry.
    """
    from agent.cli.jobs_trying import job_file
    from agent.commands.replay_report import replay_document, replay_lines
    from agent.commands.session_new import tokens_on

    if (data is None) == (first is None and last is None) or (first is None) != (last is None):
        raise typer.BadParameter("give a recorded file with --data, or blocks with --from and --to")
    found = job_file(config, file)
    replayed = _replayed(found, data, (first or 0, last or 0, every), gas)
    tokens = tokens_on(found.definitions, replayed.header.chain_id)
    if as_json:
        show_json(replay_document(replayed, tokens))
    else:
        for line in replay_lines(replayed, tokens):
            show(line)
    if any(purse.dry is not None for purse in replayed.purses.values()):
        raise typer.Exit(ExitCode.LIMIT)


def _tried(found: "JobFile", at: str | None, block: int | None) -> "tuple[Tried, ...]":
    from agent.cli.session_wishes import instant_of
    from agent.cli.world import with_chains
    from agent.commands.jobs_try import block_at, try_jobs

    when = None if at is None else instant_of(at)

    async def look(world: "World") -> "tuple[Tried, ...]":
        reader = world.chains[found.chain_id].reader
        if block is None and when is not None:
            where = await block_at(reader, when)
        else:
            where = await reader.block("latest" if block is None else block)
        return await try_jobs(found.definitions, reader, found.jobs, where, when)

    return with_chains(found.settings, found.definitions, look)


def _leave_refused(tried: "Iterable[Tried]") -> None:
    from agent.commands.replay_purse import Refusal

    codes = [item.verdict.code for item in tried if isinstance(item.verdict, Refusal)]
    if codes:
        raise typer.Exit(BY_CODE.get(codes[0], ExitCode.REFUSED))


def _replayed(
    found: "JobFile", data: Path | None, blocks: tuple[int, int, int], gas: int | None
) -> "Replayed":
    from agent.cli.jobs_trying import header_of, require_holds
    from agent.cli.world import with_chains
    from agent.commands.jobs_record import points
    from agent.commands.recording import read_record
    from agent.commands.replay import Replay
    from agent.commands.replay_purse import purses_of
    from agent.domain.units import Gas

    purses = purses_of(found.definitions.sessions, found.jobs)

    def engine(header: "Header") -> Replay:
        kinds = found.definitions.kinds
        return Replay(found.jobs, kinds, header, purses, None if gas is None else Gas(gas))

    if data is not None:
        header, recorded = read_record(data)
        require_holds(found, header)
        return engine(header).over(recorded)
    asked = header_of(found, *blocks)

    async def read(world: "World") -> "Replayed":
        reader = world.chains[asked.chain_id].reader
        return engine(asked).over([point async for point in points(reader, asked, asked.numbers)])

    return with_chains(found.settings, found.definitions, read)
