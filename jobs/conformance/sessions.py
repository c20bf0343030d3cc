"""The check that a session which meets the requirements lets every possible operation through."""

from collections.abc import Iterator
from itertools import chain

from agent.domain.call import Call
from agent.domain.possible_call import PossibleCall, PossibleOperation
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.session import Selector
from agent.domain.units import Address
from jobs.conformance.sample import Sample, require

NATIVE_TRANSFER = b"\xff" * 4
AMOUNT_OFFSETS = {"a9059cbb": 32, "095ea7b3": 32, "39509351": 32, "23b872dd": 64}
"""Where transfer, approve, increaseAllowance and transferFrom have their amount."""
USES = (1, 7)


def session_is_enough(sample: Sample) -> None:
    """Check that each possible call keeps to a requirement, and that all uses fit into its totals."""
    kind, spec, account = sample.kind, sample.read_spec(), sample.account
    for uses in USES:
        needs = kind.requirements(spec, account, uses)
        by_action = {(need.target, need.selector): need for need in needs}
        require(needs and len(by_action) == len(needs), "no requirement, or two of one function")
        operations = kind.possible_operations(spec, account, uses)
        require(operations, "nothing is possible")
        for need in needs:
            require(need.uses >= uses, f"{need} is for {need.uses} uses, {uses} are asked for")
        _all_fit(by_action, operations)


def _all_fit(
    needs: dict[tuple[Address, Selector], ActionRequirement], operations: tuple[PossibleOperation, ...]
) -> None:
    moved: dict[tuple[Address, Selector], int] = {}
    for operation in operations:
        for call in operation.calls:
            action = _action(call.template)
            need = needs.get(action)
            require(need is not None, f"no requirement for 0x{action[1].hex()} of {action[0]}")
            if need is not None:
                for said in _beyond(need, call):
                    require(holds=False, said=f"0x{action[1].hex()} of {action[0]}: {said}")
                moved[action] = moved.get(action, 0) + _moved(call, operation.uses)
    for action, need in needs.items():
        require(action in moved, f"0x{action[1].hex()} of {action[0]} is asked for and never called")
        if need.token is not None:
            most = moved[action]
            require(most <= need.token_total, f"{most} may move, the total is {need.token_total}")


def _beyond(need: ActionRequirement, call: PossibleCall) -> Iterator[str]:
    most_wei = call.template.value_wei if call.most_value_wei is None else call.most_value_wei
    if most_wei > need.value_per_use_wei:
        yield f"{most_wei} wei may go along, {need.value_per_use_wei} are allowed"
    yield from chain.from_iterable(_against(rule, call) for rule in need.rules)


def _against(rule: ArgumentRule, call: PossibleCall) -> Iterator[str]:
    least, most = _range(call, rule.offset)
    match rule.comparison:
        case Comparison.EQUAL:
            holds = least == most == rule.value
        case Comparison.AT_MOST:
            holds = most <= rule.value
        case _:
            holds = least >= rule.value
    if not holds:
        yield f"{rule.name} is {least} to {most}, the rule is {rule.comparison} {rule.value}"


def _moved(call: PossibleCall, uses: int) -> int:
    offset = AMOUNT_OFFSETS.get(call.template.data[:4].hex())
    if offset is None:
        return 0
    total = next((word.total for word in call.varies if word.offset == offset), None)
    most = uses * _range(call, offset)[1]
    return most if total is None else min(most, total)


def _range(call: PossibleCall, offset: int) -> tuple[int, int]:
    for word in call.varies:
        if word.offset == offset:
            return word.least, word.most
    fixed = int.from_bytes(call.template.data[4 + offset : 36 + offset].ljust(32, b"\0"), "big")
    return fixed, fixed


def _action(call: Call) -> tuple[Address, Selector]:
    return call.target, call.data[:4] if call.data else NATIVE_TRANSFER
