"""Checks on `watch`: it fires where it should, never on what it cannot know, and looks again later."""

from agent.domain.evaluation import ChainView, Read
from agent.domain.watching import NO_MEMORY, Firings, Glance, Memory
from jobs.conformance.decisions import CODE
from jobs.conformance.sample import Sample, require
from jobs.kind import Spec, Timing


def scheduled_kinds_watch_nothing(sample: Sample) -> None:
    """Check that a kind which is due by a calendar alone watches nothing."""
    kind, spec = sample.kind, sample.read_spec()
    watches = bool(kind.watch_reads(spec, sample.account) or kind.log_filters(spec, sample.account))
    if kind.timing is Timing.SCHEDULE:
        require(not watches, "it is due by schedule and watches the chain")


def fires_as_declared(sample: Sample) -> None:
    """Check that the sample fires at the last of its blocks, and at none before."""
    if not sample.fires_on:
        return
    spec, memory, reads = sample.read_spec(), NO_MEMORY, _reads(sample)
    fired = []
    for step, answers in enumerate(sample.fires_on):
        seen = glance_is_sound(sample, spec, sample.view(reads, answers, step), memory)
        memory = seen.memory
        fired.append(seen.fires)
    expected = [False] * (len(fired) - 1) + [True]
    require(fired == expected, f"it fires at {fired}, the sample says {expected}")


def fires_never_blind(sample: Sample) -> None:
    """Check that it does not fire where every read failed or answered too little, also if about to."""
    reads, spec = _reads(sample), sample.read_spec()
    for nothing in (None, b"", bytes(31)) if reads else ():
        memory: Memory = NO_MEMORY
        for step, answers in enumerate((*sample.fires_on[:-1], [nothing] * len(reads))):
            seen = glance_is_sound(sample, spec, sample.view(reads, answers, step), memory)
            require(not seen.fires or answers[:1] != [nothing], f"it fires though all reads said {nothing!r}")
            memory = seen.memory


def looks_again_later(sample: Sample) -> None:
    """Check that it answers the same twice, whatever the chain says, and asks for nothing in the past."""
    kind, spec = sample.kind, sample.read_spec()
    for view in sample.tries(_reads(sample)):
        seen = glance_is_sound(sample, spec, view, NO_MEMORY)
        again = kind.watch(sample.read_spec(), sample.account, view, NO_MEMORY, Firings())
        require(seen == again, "one view, two glances")
        glance_is_sound(sample, spec, _later(view), seen.memory)


def glance_is_sound(sample: Sample, spec: Spec, view: ChainView, memory: Memory) -> Glance:
    """Return what the kind sees at a view; raise NonConforming for a glance that no watcher could follow."""
    before = dict(memory)
    seen: Glance = sample.kind.watch(spec, sample.account, view, memory, Firings())
    require(dict(memory) == before, "it changed the memory it was given")
    numbers = all(type(k) is str and type(v) is int for k, v in seen.memory.items())
    require(numbers, f"its memory is not numbers by name: {dict(seen.memory)}")
    require(CODE.fullmatch(seen.code) and seen.why, f"{seen} says not why")
    require(all(type(item) is str for pair in seen.facts.items() for item in pair), "facts are text")
    at_block, at_time = seen.again.at_block, seen.again.at_time
    require(at_block is None or at_block > view.block_number, f"it looks again at block {at_block}")
    require(at_time is None or at_time > view.timestamp, f"it looks again at {at_time}")
    return seen


def _reads(sample: Sample) -> tuple[Read, ...]:
    return tuple(sample.kind.watch_reads(sample.read_spec(), sample.account))


def _later(view: ChainView) -> ChainView:
    return ChainView(view.chain_id, view.block_number + 1, view.timestamp, view.values, view.left)
