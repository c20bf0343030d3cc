"""One job of a kind to try the checks on, and the views it is shown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.domain.evaluation import ChainView, Read
from agent.domain.keccak import keccak256
from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.token import Token
from agent.domain.units import UINT256_MAX, Address, ChainId, Timestamp
from jobs.fields import FieldContext
from jobs.kind import AnyKind, Spec

Answer = int | bytes | None
"""What a read says: a number as its first word, bytes as they are, None for a revert."""

TRIES = 200
ACCOUNT = Address.parse("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC")
CHAIN = ChainId(8453)
BLOCK = 1_000_000
NOW = Timestamp(1_790_000_000)
_WORD = 32


class NonConforming(AssertionError):
    """A kind does not do what every kind must."""


@dataclass(frozen=True)
class Sample:
    """A job of the kind as its file has it, with answers on which it acts and fires."""

    kind: AnyKind
    spec: Mapping[str, Any]
    """As in the file: text, lists and mappings."""
    acts_on: Sequence[Answer]
    """Answers to `reads`, in their order, on which `evaluate` says Act."""
    fires_on: Sequence[Sequence[Answer]] = ()
    """Answers to `watch_reads` at one block after another, at the last of which the job fires."""
    tokens: Mapping[str, Token] = field(default_factory=dict)
    account: Address = ACCOUNT
    now: Timestamp = NOW

    def read_spec(self) -> Spec:
        """Return the spec of the file; raise pydantic's ValidationError for a wrong one."""
        model: type[Spec] = self.kind.spec_model
        return model.model_validate(self.spec, context=FieldContext(self.tokens))

    def view(self, reads: Sequence[Read], answers: Sequence[Answer], step: int = 0) -> ChainView:
        """Return the view at so many blocks after the first; raise NonConforming for missing answers."""
        if len(reads) != len(answers):
            raise NonConforming(f"the sample has {len(answers)} answers for {len(reads)} reads")
        values = {read: _bytes(answer) for read, answer in zip(reads, answers, strict=True)}
        at = Timestamp(self.now + 12 * step)
        return ChainView(CHAIN, BLOCK + step, at, values)

    def occurrence(self) -> Occurrence:
        """Return an occurrence of the job that is due now."""
        return Occurrence(
            id=1,
            job_id="sample",
            slot="1",
            ordinal=1,
            due_at=self.now,
            state=State.CLAIMED,
            attempt=0,
            version=1,
            chain_id=CHAIN,
            account=self.account,
        )

    def tries(self, reads: Sequence[Read]) -> Iterator[ChainView]:
        """Yield views at which answers fail, are cut, or lie around those on which the job acts and fires."""
        seeds = sorted(_numbers(self.acts_on) | {n for step in self.fires_on for n in _numbers(step)})
        for number in range(TRIES):
            answers = [_drawn(number, place, seeds) for place in range(len(reads))]
            yield self.view(reads, answers)


def require(holds: object, said: str) -> None:
    """Raise NonConforming where it does not hold."""
    if not holds:
        raise NonConforming(said)


def _bytes(answer: Answer) -> bytes | None:
    return answer.to_bytes(_WORD, "big") if isinstance(answer, int) else answer


def _numbers(answers: Sequence[Answer]) -> set[int]:
    words = {answer for answer in answers if isinstance(answer, int)}
    for answer in answers:
        if isinstance(answer, bytes):
            words |= {int.from_bytes(answer[at : at + _WORD], "big") for at in range(0, len(answer), _WORD)}
    return words


def _drawn(number: int, place: int, seeds: Sequence[int]) -> Answer:
    dice = keccak256(b"%d %d" % (number, place))
    choice, count = dice[0] % 8, 1 + dice[1] % 10
    if choice == 0:
        return None
    if choice == 1:
        return dice[: dice[2] % _WORD]
    words = [_word(dice[3 + at : 5 + at], seeds, dice) for at in range(count)]
    return b"".join(word.to_bytes(_WORD, "big") for word in words)


def _word(pick: bytes, seeds: Sequence[int], dice: bytes) -> int:
    edges = (0, 1, UINT256_MAX, 2**255, int.from_bytes(dice, "big"), int.from_bytes(dice[:4], "big"))
    pool = (*seeds, *seeds, *edges)
    near = pool[pick[0] % len(pool)] + pick[1] % 3 - 1
    return min(max(near, 0), UINT256_MAX)
