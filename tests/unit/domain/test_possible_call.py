"""Whether calls on chain are such as a job makes."""

import pytest

from agent.domain.call import Call
from agent.domain.possible_call import PossibleCall, PossibleOperation, WordRange
from agent.domain.units import Address, Wei

TARGET, OTHER = Address(bytes(19) + b"\x01"), Address(bytes(19) + b"\x02")
SELECTOR = b"\xaa\xbb\xcc\xdd"


def data(*words: int) -> bytes:
    return SELECTOR + b"".join(word.to_bytes(32, "big") for word in words)


def call(*words: int, target: Address = TARGET, value: int = 0) -> Call:
    return Call(target, Wei(value), data(*words))


EXACT = PossibleCall(call(1, 10))
RANGE = PossibleCall(call(1, 10), (WordRange("amount", 32, 10, 20),), Wei(5))


@pytest.mark.parametrize(
    ("possible", "made", "expected"),
    [
        (EXACT, call(1, 10), True),
        (EXACT, call(1, 11), False),
        (EXACT, call(1, 10, target=OTHER), False),
        (EXACT, call(1, 10, value=1), False),
        (EXACT, call(1, 10, 0), False),
        (RANGE, call(1, 20), True),
        (RANGE, call(1, 9), False),
        (RANGE, call(1, 21), False),
        (RANGE, call(2, 15), False),
        (RANGE, call(1, 15, value=5), True),
        (RANGE, call(1, 15, value=6), False),
    ],
)
def test_a_call_is_one_of_the_forms_or_it_is_not(
    possible: PossibleCall, made: Call, *, expected: bool
) -> None:
    assert possible.includes(made) is expected


def test_an_operation_has_all_its_calls_in_their_order() -> None:
    both = PossibleOperation((EXACT, RANGE), uses=1)

    assert both.includes([call(1, 10), call(1, 15)])
    assert not both.includes([call(1, 15), call(1, 10)])
    assert not both.includes([call(1, 10)])


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([call(1, 10), call(2, 3)], True),
        ([call(2, 3)], True),
        ([call(1, 10)], False),
        ([call(2, 3), call(1, 10)], False),
        ([call(1, 10), call(1, 10), call(2, 3)], False),
        ([], False),
    ],
)
def test_an_optional_call_may_be_left_out(made: list[Call], *, expected: bool) -> None:
    possible = PossibleOperation((PossibleCall(call(1, 10), optional=True), PossibleCall(call(2, 3))), uses=1)
    assert possible.includes(made) is expected
