"""What `jobs test`, `record` and `replay` share: the jobs of one file, and how a trial is shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.cli.loading import load_definitions, settings_for
from agent.cli.session_making import config_beside
from agent.commands.jobs_record import jobs_of, reads_of
from agent.commands.jobs_try import Tried
from agent.commands.json_document import DocumentError
from agent.commands.recording import Header, RecordDiffers
from agent.commands.replay_purse import Refusal
from agent.definitions.drafts import read_drafts
from agent.definitions.records import Definitions
from agent.domain.errors import ConfigError
from agent.domain.evaluation import Act, Wait
from agent.domain.job import JobDefinition
from agent.domain.units import ChainId, hex_from_bytes
from agent.settings import Settings

Document = dict[str, Any]
_ANY_ACCOUNT = "safe7579"
"""The account's kind decides about nonces, which nothing here has: the one that takes every lane."""


@dataclass(frozen=True, slots=True)
class JobFile:
    """The jobs of one file of jobs/, and the files around it; their sessions may be there or not."""

    settings: Settings
    definitions: Definitions
    jobs: tuple[JobDefinition, ...]

    @property
    def chain_id(self) -> ChainId:
        """The chain of all of them."""
        return self.jobs[0].chain_id


def job_file(config: Path | None, file: Path) -> JobFile:
    """Read a job file; raise DefinitionError, DocumentError or ConfigError."""
    settings = settings_for(config or config_beside(file))
    definitions = load_definitions(settings, with_jobs=False)
    if file.resolve().parent != definitions.root.resolve() / "jobs":
        raise DocumentError(str(file), f"is not in {definitions.root / 'jobs'}")
    jobs = jobs_of(read_drafts(definitions, file.name, _ANY_ACCOUNT))
    if not jobs:
        raise ConfigError(f"{file} has no jobs")
    return JobFile(settings, definitions, jobs)


def header_of(found: JobFile, first: int, last: int, every: int) -> Header:
    """Return the header of a recording of these jobs; raise ConfigError for blocks in the wrong order."""
    if last < first:
        raise ConfigError(f"the last block, {last}, is before the first, {first}")
    return Header(found.chain_id, first, last, every, reads_of(found.definitions, found.jobs))


def require_holds(found: JobFile, header: Header) -> None:
    """Raise RecordDiffers for a recording of another chain, or one that lacks reads of the jobs."""
    if header.chain_id != found.chain_id:
        raise RecordDiffers(f"the file is of chain {header.chain_id}, the jobs are of {found.chain_id}")
    missing = [read for read in reads_of(found.definitions, found.jobs) if read not in set(header.reads)]
    if missing:
        first = f"{missing[0].name} of {missing[0].target}"
        raise RecordDiffers(f"the file lacks {len(missing)} of what the jobs read: {first}")


def tried_document(item: Tried) -> Document:
    """Return one job's trial."""
    seen, decided = item.glance, item.decided
    return {
        "id": item.job.id,
        "kind": item.job.kind,
        "block": item.view.block_number,
        "at": item.view.timestamp,
        "reads": [
            {
                "to": str(read.target),
                "data": hex_from_bytes(read.data),
                "name": read.name,
                "answer": None if answer is None else hex_from_bytes(answer),
            }
            for read, answer in item.view.values.items()
        ],
        "watch": None
        if seen is None
        else {"fires": seen.fires, "code": seen.code, "why": seen.why, "alarm": seen.alarm}
        | {"facts": dict(seen.facts)},
        "would": type(decided).__name__.lower(),
        "code": None if isinstance(decided, Act) else decided.code,
        "why": None if isinstance(decided, Act) else decided.why,
        "until": decided.until if isinstance(decided, Wait) else None,
        "calls": _calls(decided) if isinstance(decided, Act) else [],
        "intent": dict(decided.intent) if isinstance(decided, Act) else {},
        "session": _verdict(item),
    }


def _calls(act: Act) -> list[Document]:
    return [
        {"to": str(call.target), "value_wei": call.value_wei, "data": hex_from_bytes(call.data)}
        for call in act.calls
    ]


def _verdict(item: Tried) -> Document | None:
    verdict = item.verdict
    if verdict is None:
        return None
    if isinstance(verdict, Refusal):
        return {"allows": False, "code": verdict.code, "why": verdict.why}
    return {"allows": True, "name": verdict.session or None, "cost_wei": verdict.cost_wei}


def tried_lines(item: Tried) -> Iterator[str]:
    """Yield one job's trial for a person."""
    yield f"{item.job.id} ({item.job.kind}) at block {item.view.block_number}"
    for read, answer in item.view.values.items():
        yield f"  {read.name} of {read.target}: {_number(answer)}"
    if item.glance is not None:
        fires = "fires" if item.glance.fires else "does not fire"
        yield f"  {fires}: {item.glance.code}, {item.glance.why}"
    if not isinstance(item.decided, Act):
        yield f"  would {type(item.decided).__name__.lower()}: {item.decided.code}, {item.decided.why}"
        return
    yield f"  would act: {item.decided.intent.get('text', '')}"
    for call in item.decided.calls:
        yield f"    {call.target} {call.value_wei} wei {hex_from_bytes(call.data)}"
    if isinstance(item.verdict, Refusal):
        yield f"  refused: {item.verdict.code}, {item.verdict.why}"
    elif item.verdict is not None and item.verdict.session:
        yield f"  session {item.verdict.session} allows it, {item.verdict.cost_wei} wei gas at worst"
    else:
        yield "  its session has no file yet: sessionkeeper sessions new --for-job"


def _number(answer: bytes | None) -> str:
    if answer is None:
        return "failed"
    return str(int.from_bytes(answer, "big")) if len(answer) == 32 else hex_from_bytes(answer)
