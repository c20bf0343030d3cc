"""What is explored: the agent under all faults, and protocols that are known to be broken."""

from dataclasses import replace

from tests.model.variant import Bounds, Deviation, Variant, World

EVERYTHING = World(stale=True, raises=True, cancels=True, windows=True, holds=True)
RACING = replace(EVERYTHING, two_step=True)
COPIED = World(backups=True)
MONEY_TWICE = "I1"

PAIR = "two lanes on one chain, in one journal, worked on by the same two workers"
LONG = "the same, more slots or attempts; workers look and write in one step"

SAFE = (
    Variant(
        "A",
        "fixed key, journal first, retry after finality; two workers race",
        Bounds(occurrences=2, attempts=2, sequences=4),
        RACING,
    ),
    Variant(
        "A foreign",
        "the same, somebody else uses a nonce of the lane",
        Bounds(occurrences=1, attempts=2, sequences=3, aliens=1),
        RACING,
    ),
    Variant("A long", LONG, Bounds(occurrences=3, attempts=2, sequences=6), EVERYTHING),
    Variant(
        "B",
        "the journal is lost at any time, any number of times",
        Bounds(occurrences=1, attempts=2, sequences=3),
        replace(RACING, cancels=False, journal_lost=True),
    ),
    Variant(
        "B long",
        LONG,
        Bounds(occurrences=2, attempts=2, sequences=3),
        replace(EVERYTHING, cancels=False, journal_lost=True),
    ),
    Variant(
        "R",
        "an old copy of the journal is put back at any time",
        Bounds(occurrences=1, attempts=2, sequences=3),
        World(stale=True, windows=True, backups=True),
    ),
    Variant(
        "R long", "the same, more slots, fewer faults", Bounds(occurrences=2, attempts=1, sequences=2), COPIED
    ),
    Variant("A pair", PAIR, Bounds(occurrences=1, attempts=1, sequences=3), World(two_step=True), lanes=2),
    Variant("A pair long", LONG, Bounds(occurrences=1, attempts=3, sequences=3), World(), lanes=2),
    Variant(
        "B pair",
        f"{PAIR}, which is lost at any time",
        Bounds(occurrences=1, attempts=2, sequences=3),
        World(journal_lost=True),
        lanes=2,
    ),
    Variant("H", "fixed key, no journal at all, fresh looks", Bounds(), World(), Deviation(no_journal=True)),
    Variant(
        "I",
        "fixed key, no journal at all, stale looks",
        Bounds(),
        World(stale=True),
        Deviation(no_journal=True),
    ),
)
"""The agent, and what is left of it without a journal: the nonce alone."""


def _within(name: str, bounds: Bounds, world: World) -> Variant:
    (full,) = (variant for variant in SAFE if variant.name == name)
    return replace(full, bounds=bounds, world=world)


SMALL = (
    _within("A", Bounds(1, 2, 2), RACING),
    _within("A foreign", Bounds(1, 2, 3, aliens=1), EVERYTHING),
    _within("A long", Bounds(2, 2, 4), EVERYTHING),
    _within("B", Bounds(1, 2, 2), World(stale=True, two_step=True, journal_lost=True)),
    _within("B long", Bounds(1, 2, 3), replace(EVERYTHING, journal_lost=True)),
    _within("R", Bounds(1, 1, 1), World(backups=True, stale=True)),
    _within("R long", Bounds(2, 1, 1), COPIED),
    _within("A pair", Bounds(1, 1, 1), World(two_step=True)),
    _within("A pair long", Bounds(1, 2, 2), World()),
    _within("B pair", Bounds(1, 2, 2), World(journal_lost=True)),
    *SAFE[-2:],
)
"""The same, small enough for every run of the tests."""

BROKEN = (
    Variant(
        "C",
        "the next attempt before the failure is final",
        Bounds(),
        World(),
        Deviation(retries_before_finality=True),
        breaks=MONEY_TWICE,
    ),
    Variant(
        "D",
        "a new key after a timeout",
        Bounds(keys=2),
        World(),
        Deviation(new_key_after_timeout=True),
        breaks=MONEY_TWICE,
    ),
    Variant(
        "E",
        "a key for each worker, journal after the send",
        Bounds(keys=2),
        World(two_step=True),
        Deviation(key_per_worker=True, journals_after_send=True),
        breaks=MONEY_TWICE,
    ),
    Variant(
        "G",
        "a random key, journal first but lost",
        Bounds(keys=2),
        World(journal_lost=True),
        Deviation(random_key=True),
        breaks=MONEY_TWICE,
    ),
)
"""The broken protocols of the design."""

MISTAKES = (
    Variant(
        "void at the head",
        "an operation counts as void by the head's time",
        Bounds(),
        World(windows=True),
        Deviation(void_at_head=True),
        breaks="I8",
    ),
    Variant(
        "chain's sequence",
        "a lane that is ahead of the journal is planned on",
        Bounds(),
        World(journal_lost=True),
        Deviation(plans_at_chain=True),
        breaks=MONEY_TWICE,
    ),
    Variant(
        "forgotten raise",
        "a raised operation's older hash is forgotten",
        Bounds(),
        World(raises=True),
        Deviation(forgets_raised=True),
        breaks="I8",
    ),
    Variant(
        "two in a lane",
        "a slot is planned while another of its lane is in flight",
        Bounds(occurrences=2),
        World(holds=True),
        Deviation(skips_held_lanes=True),
        breaks="I5",
    ),
    Variant(
        "no doubt",
        "a nonce that somebody else used raises no doubt about other slots",
        Bounds(occurrences=2, attempts=1),
        COPIED,
        Deviation(trusts_foreign=True),
        breaks=MONEY_TWICE,
    ),
    Variant(
        "two nodes",
        "finality is read from one node, the logs from one behind it",
        Bounds(),
        World(stale=True),
        Deviation(trusts_mixed_nodes=True),
        breaks="I8",
    ),
)
"""One rule of the agent broken at a time."""
