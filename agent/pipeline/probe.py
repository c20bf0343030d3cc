"""Ask session validators which signatures they take: builds of one contract differ, and no bytes suit all."""

from dataclasses import dataclass, field

from agent.domain.call import Call
from agent.domain.units import Address, ChainId, Wei
from agent.ports import CallFailed, ChainReader
from agent.smart_sessions.owners import SessionOwner

_YES = (1).to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class Probes:
    """What the validators answered, remembered by chain and address."""

    _answers: dict[tuple[ChainId, Address], str | None] = field(default_factory=dict)

    async def owner(
        self, reader: ChainReader, validator: Address, owner: SessionOwner
    ) -> SessionOwner | None:
        """Return the owner as this validator wants it to sign; None when it takes no signature we can make.

        Raises ChainUnavailable.
        """
        probes = {probe.name: probe for probe in owner.probes}
        if not probes:
            return owner
        place = (reader.chain_id, validator)
        if place not in self._answers:
            self._answers[place] = await _first_yes(reader, validator, owner)
        name = self._answers[place]
        return None if name is None else probes[name].owner


async def _first_yes(reader: ChainReader, validator: Address, owner: SessionOwner) -> str | None:
    head = await reader.block("latest")
    calls = [Call(validator, Wei(0), probe.call_data) for probe in owner.probes]
    answers = await reader.calls(calls, head.number)
    for probe, answer in zip(owner.probes, answers, strict=True):
        if not isinstance(answer, CallFailed) and answer == _YES:
            return probe.name
    return None
