"""Which protocol is explored, under which bounds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What keeps the model finite; everything else happens any number of times."""

    occurrences: int = 1
    attempts: int = 2
    """Rungs of the job's retry ladder, the first attempt included."""
    sequences: int = 3
    """Nonces of a key that are planned for; a plan beyond is cut and counted."""
    aliens: int = 0
    """Nonces of the lane that somebody else uses."""
    keys: int = 1
    """Only the broken variants ever use a second one."""
    states: int = 4_000_000
    """States that are looked at; an exploration that reaches it says so and proves nothing."""


@dataclass(frozen=True, slots=True)
class World:
    """Which faults there are, besides crashes, reverts, reorgs and messages dropped, delayed or doubled."""

    journal_lost: bool = False
    backups: bool = False
    """Whether the journal may be copied at any moment and the copy put back at any later one."""
    stale: bool = False
    """Whether a look may show an older head, or a branch that was left, instead of the canonical head."""
    raises: bool = False
    cancels: bool = False
    """Whether a harmless operation may be signed for the nonce of one that was sent."""
    windows: bool = False
    """Whether operations become void by time."""
    holds: bool = False
    """Whether anything that is worked on may be set aside for a person."""
    give_ups: bool = True
    """Whether the grace of a slot may end at any moment before something is signed."""
    two_step: bool = False
    """Whether workers look first and write later, with anything between; else both are one step."""

    @property
    def forgets(self) -> bool:
        """Whether the journal may not know what left the process."""
        return self.journal_lost or self.backups


@dataclass(frozen=True, slots=True)
class Deviation:
    """How a broken variant differs from the agent; all False is the agent."""

    retries_before_finality: bool = False
    new_key_after_timeout: bool = False
    key_per_worker: bool = False
    journals_after_send: bool = False
    random_key: bool = False
    no_journal: bool = False
    """A worker that only looks at the chain and remembers nothing: safe, yet it can report nothing."""
    trusts_mixed_nodes: bool = False
    """The finalized block is read from one node and the logs from one behind it."""
    void_at_head: bool = False
    """An operation counts as void by the head's time, not by the finalized block's."""
    plans_at_chain: bool = False
    """A lane that is ahead of the journal is not held: the next sequence of the chain is taken."""
    forgets_raised: bool = False
    """A raise replaces the older hash in the journal."""
    trusts_foreign: bool = False
    """A nonce that somebody else used raises no doubt about other slots."""
    skips_held_lanes: bool = False
    """A plan is taken while another occurrence of the lane is in flight."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One exploration."""

    name: str
    says: str
    bounds: Bounds
    world: World
    deviation: Deviation = Deviation()
    workers: int = 2
    lanes: int = 1
    breaks: str = ""
    """How the invariant begins that a broken protocol is shown to break; others are not looked for."""
