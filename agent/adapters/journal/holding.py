"""Hold scopes, let them go, and refuse every step towards the network of what is held."""

from collections.abc import Iterable

from agent.adapters.journal.command import PutHold, ReleaseHold
from agent.adapters.journal.hash_chain import Note
from agent.adapters.journal.image import Image
from agent.domain.errors import Held, NotFound
from agent.domain.hold import Epoch, Hold, Scope, SessionScope, scopes_over
from agent.domain.journal import Change
from agent.domain.kill import lets_cancels_pass
from agent.domain.occurrence import Occurrence
from agent.domain.operation import DraftOperation
from agent.domain.units import Address, Hash32, Timestamp

HOLD = "hold_scope"
RELEASE = "release_scope"
WATCH = "watch"


def put_hold(image: Image, command: PutHold) -> Hold:
    """Hold the scope; one that is held for the same code already stays as it is."""
    hold = command.hold
    known = image.holds.get((str(hold.scope), hold.code))
    if known is not None and known.active:
        return known
    data = {"scope": str(hold.scope), "code": hold.code, "reason": hold.reason, "subject": hold.subject}
    image.note(Note(hold.at, HOLD, data))
    return image.put_hold(hold)


def release_hold(image: Image, command: ReleaseHold) -> Hold:
    """Let the scope go; raise NotFound when it is not held for that code."""
    scope = str(command.scope)
    known = image.holds.get((scope, command.code))
    if known is None or not known.active:
        raise NotFound(f"{scope} is not held for {command.code}")
    data = {"scope": scope, "code": command.code, "reason": command.reason, "accepted": command.accepted}
    image.note(Note(command.at, RELEASE, data))
    return image.put_hold(known.released(command.reason, command.at, accepted=command.accepted))


def check_held(image: Image, before: Occurrence, change: Change, draft: DraftOperation | None) -> None:
    """Raise Held when the change is a step towards the network of something that is held.

    `draft` is of the operation that comes with the change.
    """
    if not image.held:
        return
    cancels = change.cancels if draft is None else draft.cancels
    permission = change.permission_id or (None if draft is None else draft.permission_id)
    for scope in _scopes(image, before, permission):
        hold = _hold_on(image, str(scope), cancels=cancels)
        if hold is not None:
            raise Held(str(scope), hold.code, hold.reason)


def _hold_on(image: Image, scope: str, *, cancels: bool) -> Hold | None:
    hold = image.held.get(scope)
    if hold is None or not cancels:
        return hold
    every = (one for (held, _), one in image.holds.items() if held == scope and one.active)
    return next((one for one in every if not lets_cancels_pass(one.code)), None)


def _scopes(image: Image, before: Occurrence, permission: Hash32 | None) -> Iterable[Scope]:
    sessions = image.job(before.job_id).enrolment.sessions if permission is None else (permission,)
    return scopes_over(before.chain_id, before.account, before.job_id, sessions)


def watch_note(epochs: tuple[Epoch, ...], at: Timestamp) -> Note:
    """Return what the hash chain says of sessions whose epoch or enable nonce moved."""
    seen = [(str(epoch.session), epoch.number, epoch.from_block, str(epoch.enable_nonce)) for epoch in epochs]
    return Note(at, WATCH, {"sessions": seen})


def with_epochs(known: tuple[Epoch, ...], found: tuple[Epoch, ...]) -> tuple[Epoch, ...]:
    """Return the epochs after a sweep: what it found is the newest of its session."""
    kept: dict[SessionScope, tuple[Epoch, ...]] = {}
    for epoch in (*known, *found):
        # A reorg may have undone a re-enable that an earlier sweep saw.
        earlier = (one for one in kept.get(epoch.session, ()) if one.number < epoch.number)
        kept[epoch.session] = (*earlier, epoch)
    return tuple(epoch for _, epochs in sorted(kept.items(), key=_by_session) for epoch in epochs)


def _by_session(item: tuple[SessionScope, object]) -> tuple[int, Address, Hash32]:
    session = item[0]
    return session.chain_id, session.account, session.permission_id
