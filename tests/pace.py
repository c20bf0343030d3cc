"""How fast time goes by for the tests: the local chain makes ten blocks a second, and workers look as often.

On a real chain a block takes a second or more, and a worker looks once a second.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest

from agent import service
from agent.adapters import json_rpc
from agent.worker import Worker

LOOK_S = 0.25
"""Between two looks of a worker at the calendar, and between two at the head."""
PATIENCE_S = 3.0
TICK_S = 3.0
"""Of a worker whose ticks are counted: long, for what it does between two of them takes long where much else
runs, and far shorter than the hang of a bundler."""

often_looking = partial(Worker, tick_s=LOOK_S, poll_s=LOOK_S)
Main = Callable[[Sequence[str]], int]


def looking_often(main: Main, arguments: Sequence[str]) -> int:
    """Run a command, in a process of its own, whose worker looks often."""
    vars(service)["Worker"] = often_looking
    return main(arguments)


def ticking_slowly(main: Main, arguments: Sequence[str]) -> int:
    """Run a command, in a process of its own, whose worker looks often at the chain alone."""
    vars(service)["Worker"] = partial(Worker, tick_s=TICK_S, poll_s=LOOK_S)
    return main(arguments)


def losing_patience(main: Main, arguments: Sequence[str]) -> int:
    """Run a command, in a process of its own, that waits not long for what a bundler took or a node has."""
    patience = dict.fromkeys(("eth_sendUserOperation", "eth_getTransactionReceipt"), PATIENCE_S)
    json_rpc.DEADLINES_S.update(patience)
    return main(arguments)


@pytest.fixture(autouse=True)
def quick_looks() -> Iterator[None]:
    """Have the workers of this process look often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "Worker", often_looking)
        yield
