"""Are the files right? Nothing but the files is looked at."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.definitions.mistakes import DefinitionError, Mistake
from agent.definitions.records import Definitions


@dataclass(frozen=True, slots=True)
class Validation:
    """Every mistake, or what the files define."""

    mistakes: tuple[Mistake, ...] = ()
    definitions: Definitions | None = None


def validate(load: Callable[[], Definitions]) -> Validation:
    """Load the files and return what is wrong in them."""
    try:
        return Validation(definitions=load())
    except DefinitionError as error:
        return Validation(mistakes=error.mistakes)
