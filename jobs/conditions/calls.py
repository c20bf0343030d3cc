"""The result of any view call as a number: itself, or whether it is what was asked."""

from dataclasses import dataclass
from fractions import Fraction

from agent.domain.evaluation import ChainView, Read
from agent.domain.units import Timestamp
from jobs.abi_text import FunctionText, word_of
from jobs.conditions.source import Claim
from jobs.conditions.verdict import Unknown


@dataclass(frozen=True, slots=True)
class Called:
    """One output of a call: a number as it is; with `expected`, 1 where it equals that word and else 0."""

    read: Read
    function: FunctionText
    output: int = 0
    expected: bytes | None = None
    negated: bool = False
    """Makes 1 of what differs from `expected`."""
    independent = True

    def reads(self) -> tuple[Read, ...]:
        return (self.read,)

    def claims(self) -> tuple[Claim, ...]:
        return ()

    def value(self, view: ChainView) -> int | Unknown:
        answer = view.values.get(self.read)
        found = self.function.output(answer, self.output) if answer else None
        if found is None:
            return Unknown("call_failed", f"{self.function.signature} of {self.read.target} gives no answer")
        if self.expected is not None:
            same = word_of(self.function.outputs[self.output], found) == self.expected
            return int(same is not self.negated)
        return found if isinstance(found, int) else Unknown("call_failed", f"{found!r} is no number")

    def turns_at(self, view: ChainView) -> Timestamp | None:
        return None

    def text(self, value: Fraction | int) -> str:
        if self.expected is None:
            return str(value)
        return "as asked" if value else "another"
