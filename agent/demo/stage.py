"""What stands on the stage of the demo while it is played."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.demo.calendar import Month
from agent.demo.commands import Agent
from agent.demo.witness import Witness
from agent.devnet.accounts import SmartAccount
from agent.devnet.defi.market import Market

POLL_S = 0.1
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that stands before the worker starts."""

    market: Market
    account: SmartAccount
    agent: Agent
    witness: Witness
    months: tuple[Month, ...]
    port: int
