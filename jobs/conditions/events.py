"""Event logs that fire a job: which to ask for, and what their values must be."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.units import Address, Hash32
from agent.domain.watching import LogFilter
from jobs.abi_text import EventText, is_word, word_of
from jobs.kind import EventLog


@dataclass(frozen=True, slots=True)
class Compared:
    """What one value of an event must be."""

    least: int | None = None
    most: int | None = None
    equal: bytes | None = None
    """As the ABI encodes it."""
    unequal: bytes | None = None

    def holds(self, type_text: str, value: object) -> bool:
        """Say whether a decoded value is what it must be."""
        if self.least is not None or self.most is not None:
            return isinstance(value, int) and self._within(value)
        encoded = word_of(type_text, value)
        return encoded != self.unequal and (self.equal is None or encoded == self.equal)

    def _within(self, value: int) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """Logs of one event of one contract, with what their values must be."""

    address: Address
    event: EventText
    where: Mapping[str, Compared]
    confirmations: int = 0

    @property
    def filter(self) -> LogFilter:
        """What to ask the node for: the contract, the event, and its indexed values that must be equal."""
        topics: list[tuple[Hash32, ...] | None] = [(self.event.topic,)]
        for field in self.event.fields:
            if field.indexed:
                wanted = self.where.get(field.name, Compared()).equal
                topics.append((Hash32(wanted),) if wanted is not None and is_word(field.type) else None)
        while topics[-1] is None:
            topics.pop()
        return LogFilter(self.address, tuple(topics), self.confirmations)

    def fires(self, log: EventLog) -> bool:
        """Say whether a log is this event with these values; what cannot be decoded is not."""
        if log.address != self.address:
            return False
        values = self.event.decoded(log.topics, log.data)
        if values is None:
            return False
        types = {field.name: field.type for field in self.event.fields}
        return all(compared.holds(types[name], values[name]) for name, compared in self.where.items())
