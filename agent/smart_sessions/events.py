"""Logs of SmartSession that tell what an owner did to a session. None of their parameters is indexed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32


class Told(Enum):
    """What a log of the module says; the value is its signature."""

    CREATED = "SessionCreated(bytes32,address)"
    REMOVED = "SessionRemoved(bytes32,address)"
    POLICY_ENABLED = "PolicyEnabled(bytes32,uint8,address,address)"
    NONCE_MOVED = "NonceIterated(bytes32,address,uint256)"
    PAYMASTER = "PermissionIdPermit4337Paymaster(bytes32,address,bool)"

    @property
    def topic(self) -> Hash32:
        """The first and only topic of the log."""
        return Hash32(keccak256(self.value.encode()))


ENABLING = frozenset({Told.CREATED, Told.POLICY_ENABLED})
"""Counters start anew with these."""
TOPICS = tuple(told.topic for told in Told)
_BY_TOPIC = dict(zip(TOPICS, Told, strict=True))
_WORDS = {Told.CREATED: 2, Told.REMOVED: 2, Told.POLICY_ENABLED: 4, Told.NONCE_MOVED: 3, Told.PAYMASTER: 3}


@dataclass(frozen=True, slots=True)
class ModuleEvent:
    """One log about one session of one account."""

    told: Told
    permission_id: Hash32
    account: Address
    value: int = 0
    """The new enable nonce, or 1 when a paymaster may pay."""
    block: int = 0


def words_of(data: bytes) -> frozenset[bytes]:
    """Return the whole words of a log: who it is about is among them, whatever it tells."""
    return frozenset(data[place : place + 32] for place in range(0, len(data) - 31, 32))


def decode_module_event(topics: Sequence[bytes], data: bytes, block: int) -> ModuleEvent | None:
    """Read a log of the module; None for one that tells something else."""
    told = _BY_TOPIC.get(Hash32(topics[0])) if len(topics) == 1 else None
    if told is None or len(data) < 32 * _WORDS[told]:
        return None
    words = [data[32 * index : 32 * index + 32] for index in range(_WORDS[told])]
    who = words[3] if told is Told.POLICY_ENABLED else words[1]
    value = int.from_bytes(words[2], "big") if told in (Told.NONCE_MOVED, Told.PAYMASTER) else 0
    return ModuleEvent(told, Hash32(words[0]), Address(who[12:]), value, block)
