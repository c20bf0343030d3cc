"""All that a call can be, in finitely many examples that decide it.

A policy compares words of the call data with fixed references and adds some up. Between two neighbouring
references nothing changes but what is added, and that is largest at the upper end: the ends of the ranges
and the references with their neighbours stand for every value there is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from agent.domain.call import Call
from agent.domain.possible_call import PossibleCall, WordRange
from agent.domain.units import Wei
from agent.smart_sessions.policies.arg import ArgState
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction

MAX_FORMS = 4096
"""More examples than this are not tried: the session is too intricate to be proven."""
_WORD = 32


class TooManyForms(ValueError):
    """The policies compare so many words with so much that the examples cannot all be tried."""


@dataclass(frozen=True, slots=True)
class Form:
    """One example: the call, and the values of its varying words by their offset."""

    call: Call
    words: dict[int, int]


@dataclass(frozen=True, slots=True)
class Compared:
    """A word of the call data that a rule looks at, and what makes a difference there."""

    offset: int
    points: frozenset[int]


def compared(states: Iterable[Any]) -> tuple[Compared, ...]:
    """Return what policies in these states compare words with."""
    return tuple(Compared(rule.offset, _points(rule, reserved)) for rule, reserved in _rules(states))


def forms(possible: PossibleCall, rules: Iterable[Compared]) -> tuple[Form, ...]:
    """Return the examples that stand for the whole range; raise TooManyForms."""
    known = tuple(rules)
    choices = [sorted(_values(word, known)) for word in possible.varies]
    values = _coin(possible)
    if prod(map(len, choices)) * len(values) > MAX_FORMS:
        raise TooManyForms(f"{prod(map(len, choices)) * len(values)} forms of one call, at most {MAX_FORMS}")
    return tuple(_form(possible, words, value) for value in values for words in product(*choices))


def misread(possible: PossibleCall, rules: Iterable[Compared]) -> Compared | None:
    """Return a rule that looks at part of a varying word, of which the examples say nothing."""
    for rule in rules:
        for word in possible.varies:
            if 0 < abs(rule.offset - word.offset) < _WORD and word.least < word.most:
                return rule
    return None


def _rules(states: Iterable[Any]) -> Iterator[tuple[Rule, int]]:
    for state in states:
        if isinstance(state, UniAction):
            yield from ((rule, 0) for rule in state.rules)
        elif isinstance(state, ArgState):
            yield from zip(state.config.rules, state.reserved, strict=True)


def _points(rule: Rule, reserved: int) -> frozenset[int]:
    reference = int.from_bytes(rule.reference, "big")
    bounds = {reference}
    if rule.condition is Condition.IN_RANGE:
        bounds = {reference >> 128, reference % (1 << 128)}
    if rule.limit is not None:
        # What is left of the sum, with and without what may be used meanwhile.
        bounds |= {rule.limit - rule.used, rule.limit - rule.used - reserved}
    return frozenset(bound + step for bound in bounds for step in (-1, 0, 1))


def _values(word: WordRange, rules: Iterable[Compared]) -> set[int]:
    points = {point for rule in rules if rule.offset == word.offset for point in rule.points}
    return {word.least, word.most, *(point for point in points if word.least <= point <= word.most)}


def _coin(possible: PossibleCall) -> tuple[Wei, ...]:
    # Every policy on coin is a bound from above, but both ends cost nothing.
    least, most = possible.template.value_wei, possible.most_value_wei
    return (least,) if most is None or most == least else (least, most)


def _form(possible: PossibleCall, words: tuple[int, ...], value: Wei) -> Form:
    data = bytearray(possible.template.data)
    chosen = {word.offset: number for word, number in zip(possible.varies, words, strict=True)}
    for offset, number in chosen.items():
        start = 4 + offset
        if start + _WORD > len(data):
            raise ValueError(f"the word at {offset} lies behind the call data of {len(data)} bytes")
        data[start : start + _WORD] = number.to_bytes(_WORD, "big")
    return Form(Call(possible.template.target, value, bytes(data)), chosen)
