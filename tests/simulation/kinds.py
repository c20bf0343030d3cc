"""A job kind that breaks now and then, as one with a bug on some data would."""

from typing import Any

from jobs.subscription import SUBSCRIPTION
from tests.simulation.dice import Dice


class Brittle:
    """The subscription, until the dice say that its code raises."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a kind has
        return getattr(SUBSCRIPTION, name)

    def evaluate(self, *arguments: Any) -> Any:  # noqa: ANN401 - as the kind's own
        """Break, or evaluate."""
        if self._dice.strikes("F34"):
            raise ZeroDivisionError("a bug in the kind")
        return SUBSCRIPTION.evaluate(*arguments)
