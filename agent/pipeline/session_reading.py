"""Reading many sessions from a chain at one block, in as few requests as possible."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from agent.domain.call import Call
from agent.domain.errors import ChainReverted
from agent.ports import BlockTag, CallFailed, ChainReader
from agent.smart_sessions.discovery import Reading
from agent.smart_sessions.grant import Answer
from agent.smart_sessions.on_chain import Location, OnChainSession
from agent.smart_sessions.paymaster_probe import paymaster_probe, permits_paymaster
from agent.smart_sessions.session_reads import ReadPlan, session_from_answers

PROBES_AT_ONCE = 32


async def granted_sessions(
    reader: ChainReader, plans: Sequence[ReadPlan], tag: BlockTag
) -> tuple[OnChainSession, ...]:
    """Return what the chain has of sessions whose grant is known; raise ChainUnavailable."""
    answers = await _answers(reader, [call for plan in plans for call in plan.calls], tag)
    found, start = [], 0
    for plan in plans:
        end = start + len(plan.calls)
        found.append(session_from_answers(plan, answers[start:end]))
        start = end
    return tuple(found)


async def read_together(
    reader: ChainReader, readings: Sequence[Reading], tag: BlockTag
) -> tuple[OnChainSession, ...]:
    """Carry out many readings at once: each round of all of them is one batch. Raise ChainUnavailable."""
    results: dict[int, OnChainSession] = {}
    wanted = {index: next(reading) for index, reading in enumerate(readings)}
    while wanted:
        answers = await _answers(reader, [call for calls in wanted.values() for call in calls], tag)
        start, following = 0, {}
        for index, calls in wanted.items():
            end = start + len(calls)
            try:
                following[index] = readings[index].send(answers[start:end])
            except StopIteration as done:
                results[index] = done.value
            start = end
        wanted = following
    return tuple(results[index] for index in range(len(readings)))


async def with_paymaster_flags(
    reader: ChainReader, found: Sequence[OnChainSession], tag: BlockTag
) -> tuple[OnChainSession, ...]:
    """Return the sessions, each that is enabled with its paymaster flag; raise ChainUnavailable."""
    places = list(dict.fromkeys(item.location for item in found if item.enabled))
    flags = dict(zip(places, await paymaster_flags(reader, places, tag), strict=True))
    return tuple(
        replace(item, permit_paymaster=flags[item.location]) if item.enabled else item for item in found
    )


async def paymaster_flags(
    reader: ChainReader, places: Sequence[Location], tag: BlockTag
) -> tuple[bool | None, ...]:
    """Say of each whether a paymaster may pay; None when the module's answer tells nothing.

    One simulation each: the account has to make the call itself, so no multicall contract can.
    """
    at_once = asyncio.Semaphore(PROBES_AT_ONCE)

    async def flag(place: Location) -> bool | None:
        async with at_once:
            return await _flag(reader, place, tag)

    return tuple(await asyncio.gather(*map(flag, places)))


async def _flag(reader: ChainReader, place: Location, tag: BlockTag) -> bool | None:
    try:
        await reader.call(place.smart_session, paymaster_probe(place), tag, sender=place.account)
    except ChainReverted as revert:
        return permits_paymaster(place, revert.data)
    return None


async def _answers(reader: ChainReader, calls: Sequence[Call], tag: BlockTag) -> list[Answer]:
    answers = await reader.calls(calls, tag)
    return [None if isinstance(answer, CallFailed) else answer for answer in answers]
