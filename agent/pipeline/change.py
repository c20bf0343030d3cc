"""Shorthand for a change of an occurrence at the version that was decided on."""

from agent.domain.journal import Change, Reservation
from agent.domain.occurrence import Inclusion, Nonce, Occurrence
from agent.domain.states import Event
from agent.domain.units import Hash32, Timestamp


def change_of(  # noqa: PLR0913 - the optional fields of Change
    occurrence: Occurrence,
    event: Event,
    at: Timestamp,
    *,
    code: str = "",
    reason: str = "",
    not_before: Timestamp | None = None,
    nonce: Nonce | None = None,
    reservations: tuple[Reservation, ...] | None = None,
    inclusion: Inclusion | None = None,
    lane_next: int | None = None,
    lane_uses: tuple[Reservation, ...] = (),
    permission_id: Hash32 | None = None,
    facts: dict[str, str] | None = None,
) -> Change:
    """Return a Change that holds only while the journal still has this version."""
    return Change(
        occurrence.id,
        occurrence.version,
        event,
        at,
        code=code,
        reason=reason,
        not_before=not_before,
        nonce=nonce,
        reservations=reservations,
        inclusion=inclusion,
        lane_next=lane_next,
        lane_uses=lane_uses,
        permission_id=permission_id,
        facts=facts or {},
    )
