"""Who can sign for a session: keys and a threshold, as OwnableValidator takes them."""

from dataclasses import dataclass

from agent.domain.session import Session
from agent.domain.units import Address
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, OWNABLE_VALIDATOR_BETA, OWNABLE_VALIDATOR_V0

OWNABLE_VALIDATORS = frozenset((OWNABLE_VALIDATOR, OWNABLE_VALIDATOR_BETA, OWNABLE_VALIDATOR_V0))
WEB_AUTHN_VALIDATOR = Address.parse("0x0000000000578c4cB0e472a5462da43C495C3F33")


@dataclass(frozen=True, slots=True)
class Owners:
    """The decoded init data of an OwnableValidator."""

    threshold: int
    addresses: tuple[Address, ...]


def owners_of(session: Session) -> Owners | None:
    """Return who signs; None for another validator, or init data that is no list of owners."""
    if session.session_validator not in OWNABLE_VALIDATORS:
        return None
    data = session.session_validator_init_data
    count = _word(data, 64)
    if _word(data, 32) != 64 or count is None or len(data) < 96 + 32 * count:
        return None
    words = [data[96 + 32 * index : 128 + 32 * index] for index in range(count)]
    return Owners(_word(data, 0) or 0, tuple(Address(word[12:]) for word in words))


def _word(data: bytes, start: int) -> int | None:
    return int.from_bytes(data[start : start + 32], "big") if len(data) >= start + 32 else None
