"""`sessionkeeper run --dry-run`: print what would be done."""

import asyncio
from collections.abc import Sequence
from typing import Any

from agent.bootstrap import Store, World, check_chains, opened
from agent.cli.output import say, show, show_json
from agent.commands.session_load import file_verdicts, require_all_fit
from agent.definitions.records import Definitions
from agent.domain.errors import Unavailable
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.pipeline.change import change_of
from agent.pipeline.pump import DuePump
from agent.settings import Settings
from agent.smart_sessions.violation_words import Tokens, violation_document
from agent.telemetry.metrics import Metrics
from agent.worker.dry_run import Rehearsal, WouldSend, rehearse
from agent.worker.enrol import enrol
from agent.worker.watcher import Watcher

TICK_S = 1.0


async def rehearse_and_print(
    settings: Settings, definitions: Definitions, *, once: bool, as_json: bool
) -> None:
    """Rehearse every due occurrence against a journal in memory; go on until stopped unless `once`."""
    async with opened(settings, definitions, store=Store.REHEARSAL, keys=True) as world:
        await check_chains(world)
        require_all_fit(file_verdicts(definitions, await world.services.clock.now()))
        await enrol(world.services, world.jobs.values())
        watchers = _watchers(world)
        while True:
            await _watch(watchers)
            documents = [_document(item, _tokens(world, item)) for item in await _due(world)]
            _print(documents, as_json=as_json)
            if once:
                return
            await asyncio.sleep(TICK_S)


def _watchers(world: World) -> list[Watcher]:
    """Return watchers whose firings go into the journal in memory, where `_due` finds them."""
    metrics, jobs = Metrics("", world.definitions.mode.value), world.jobs.values()
    chains = world.chains.values()
    watchers = [Watcher(world.services, chain, jobs, lambda _: None, metrics) for chain in chains]
    for watcher in watchers:
        watcher.start()
    return watchers


async def _watch(watchers: Sequence[Watcher]) -> None:
    for watcher in watchers:
        try:
            await watcher.poll(await watcher.chain.reader.block("latest"))
        except Unavailable as error:
            say(f"chain {watcher.chain.reader.chain_id} is not watched: {error}")


async def _due(world: World) -> list[Rehearsal]:
    due = list(await world.services.journal.occurrences(states=(State.DUE, State.CLAIMED)))
    definitions = {key: job.definition for key, job in world.jobs.items()}
    pump = DuePump(world.services.journal, definitions, due.append)
    await pump.tick(await world.services.clock.now())
    rehearsed = []
    for occurrence in due:
        rehearsed.append(await rehearse(world.services, world.jobs, occurrence))
        await _close(world, occurrence)
    return rehearsed


async def _close(world: World, occurrence: Occurrence) -> None:
    now = await world.services.clock.now()
    await world.services.journal.record(change_of(occurrence, Event.SKIP, now, code="rehearsed"))


def _tokens(world: World, item: Rehearsal) -> Tokens:
    return world.jobs[item.occurrence.job_id].chain.tokens


def _document(item: Rehearsal, tokens: Tokens) -> dict[str, Any]:
    occurrence = item.occurrence
    head = {"job": occurrence.job_id, "slot": occurrence.slot, "due_at": occurrence.due_at}
    if isinstance(item, WouldSend):
        draft, priced = item.priced.draft, item.priced
        return head | {
            "would": "send",
            "intent": dict(draft.plan.intent),
            "calls": [
                {"target": str(call.target), "value_wei": call.value_wei, "data": "0x" + call.data.hex()}
                for call in draft.plan.calls
            ],
            "nonce": hex(draft.nonce.value),
            "max_fee_per_gas_wei": priced.operation.max_fee_per_gas,
            "worst_case_fee_wei": priced.worst_case_wei,
            "limits_after": [
                {
                    "limit": use.limit_key,
                    "uses": use.amount,
                    "used": use.used,
                    "of": use.limit,
                    "left_after": use.limit - use.used - use.amount,
                }
                for use in priced.consumption
            ],
        }
    return head | {
        "would": "wait" if item.answer.event is Event.POSTPONE else str(item.answer.event),
        "code": item.answer.code,
        "reason": item.answer.reason,
        "violations": [violation_document(violation, tokens) for violation in item.violations],
    }


def _print(documents: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        if documents:
            show_json({"mode": "dry-run", "due": documents})
        return
    for document in documents:
        show(f"{document['job']} {document['slot']}: would {document['would']}")
        for name, value in document.items():
            if name not in ("job", "slot", "would"):
                show(f"  {name}: {value}")
    if not documents:
        say("nothing is due")
