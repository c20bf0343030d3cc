"""How a file writes a condition on any view call, and on an event."""

from typing import Annotated, Any, Self

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from agent.domain.evaluation import Read
from agent.domain.units import ZERO_ADDRESS, Address
from jobs.abi_text import (
    EventText,
    FunctionText,
    Tree,
    is_number,
    is_word,
    read_event,
    read_function,
    value_of,
    word_of,
)
from jobs.conditions.calls import Called
from jobs.conditions.condition import Condition
from jobs.conditions.crossing import Crossing
from jobs.conditions.events import Compared, EventTrigger
from jobs.conditions.leaf_fields import LevelFields, levelled
from jobs.fields import AddressField, IntegerField, mistake, mistake_of, text_field, text_of
from jobs.kind import Spec

MAX_ARGUMENTS = 32


def parse_function(value: object) -> FunctionText:
    """Read `getPrice(uint256)(int256)`."""
    text = text_of(value)
    try:
        return read_function(text)
    except ValueError as error:
        fix = 'write name, inputs and outputs, such as "getPrice(uint256)(int256)"'
        raise mistake("bad_function", f"{text[:80]!r}: {error}", fix) from None


def parse_event(value: object) -> EventText:
    """Read `Transfer(address indexed from, address indexed to, uint256 value)`."""
    text = text_of(value)
    try:
        return read_event(text)
    except ValueError as error:
        fix = 'write it as in Solidity: "Transfer(address indexed from, address indexed to, uint256 value)"'
        raise mistake("bad_event", f"{text[:80]!r}: {error}", fix) from None


def parse_value(value: object) -> Tree:
    """Read a value of a call: text, or a list of values for lists and tuples."""
    if isinstance(value, list | tuple):
        return tuple(parse_value(item) for item in value)
    return text_of(value)


FunctionField = Annotated[
    FunctionText, *text_field(parse_function, r"^[A-Za-z_$].*\(.*\)$", "getPrice(uint256)(int256)")
]
EventField = Annotated[
    EventText, *text_field(parse_event, r"^[A-Za-z_$].*\(.*\)$", "Paid(address indexed by, uint256 amount)")
]
ValueField = Annotated[
    Any,
    PlainValidator(parse_value),
    PlainSerializer(lambda value: value),
    WithJsonSchema({"type": ["string", "integer", "boolean", "array"]}),
]
"""Text, or a tuple of such: what it means its ABI type says."""


class CompareFields(Spec):
    """What one value of an event must be; of several given, all must hold."""

    equal: ValueField = Field(None, alias="is", description="Exactly this.")
    unequal: ValueField = Field(None, alias="is_not", description="Anything but this.")
    below: ValueField = Field(None, description="At or below; of numbers.")
    above: ValueField = Field(None, description="At or above; of numbers.")

    def compared(self, type_text: str, account: Address) -> Compared:
        """Return it for a value of that type; raise ValueError where it does not fit."""
        if not self.model_fields_set:
            raise ValueError("it says nothing: write is, is_not, below or above")
        if not is_number(type_text) and (self.below is not None or self.above is not None):
            raise ValueError(f"{type_text} is no number: write is or is_not")
        words = [
            None if value is None else word_of(type_text, value_of(type_text, value, account))
            for value in (self.equal, self.unequal)
        ]
        least, most = (
            None if value is None else value_of(type_text, value, account)
            for value in (self.above, self.below)
        )
        return Compared(least, most, *words)


class CallFields(LevelFields):
    """The result of any view function."""

    to: AddressField = Field(description="The contract.")
    function: FunctionField = Field(description='Name, inputs and outputs: "getPrice(uint256)(int256)".')
    arguments: tuple[ValueField, ...] = Field((), description="One for each input; `account` is the job's.")
    output: IntegerField = Field(
        default="0", validate_default=True, description="Which output counts, from 0."
    )
    equal: ValueField = Field(None, alias="is", description="True while the output is exactly this.")
    unequal: ValueField = Field(None, alias="is_not", description="True while the output is anything else.")
    below: ValueField = Field(None, description="At or below; of numbers, in the function's own units.")
    above: ValueField = Field(None, description="At or above.")
    rearm: ValueField = Field(None, description="After it came true: over only when it is back here.")

    @model_validator(mode="after")
    def _fit(self) -> Self:
        try:
            self.condition(ZERO_ADDRESS)
        except ValueError as error:
            raise mistake_of(error, "bad_call", "write what the function takes and gives") from None
        return self

    def condition(self, account: Address) -> Condition:
        function, index = self.function, self.output
        if index >= len(function.outputs):
            raise ValueError(f"{function} has {len(function.outputs)} outputs, counted from 0")
        if len(self.arguments) != len(function.inputs):
            raise ValueError(f"{function} takes {len(function.inputs)} arguments, not {len(self.arguments)}")
        values = [
            value_of(kind, value, account)
            for kind, value in zip(function.inputs, self.arguments, strict=True)
        ]
        read = Read(self.to, function.call_data(values), function.name)
        subject = f"{function.name} of {self.to}"
        called, crossing = self._compared(read, account)
        return levelled(called, crossing, "call", subject)

    def _compared(self, read: Read, account: Address) -> tuple[Called, Crossing]:
        kind = self.function.outputs[self.output]
        if not is_word(kind):
            raise ValueError(f"{kind} cannot be compared: choose an output that is a word")
        given = [self.equal, self.unequal, self.below, self.above]
        if sum(value is not None for value in given) != 1:
            raise ValueError("write exactly one of is, is_not, below and above")
        if self.below is not None or self.above is not None:
            return Called(read, self.function, self.output), self._of_numbers(kind, account)
        if self.rearm is not None:
            raise ValueError("rearm goes with below or above")
        negated = self.unequal is not None
        asked = self.unequal if negated else self.equal
        word = word_of(kind, value_of(kind, asked, account))
        return Called(read, self.function, self.output, word, negated), self.crossing(None, 1, None)

    def _of_numbers(self, kind: str, account: Address) -> Crossing:
        if not is_number(kind):
            raise ValueError(f"{kind} is no number: write is or is_not")
        levels = (
            None if value is None else value_of(kind, value, account)
            for value in (self.below, self.above, self.rearm)
        )
        return self.crossing(*levels)


class EventFields(Spec):
    """An event log; each one fires the job once."""

    address: AddressField = Field(description="The contract that emits it.")
    event: EventField = Field(description="As in Solidity: 'Paid(address indexed by, uint256 amount)'.")
    where: dict[str, CompareFields] = Field(default={}, description="What its values must be, by name.")
    confirmations: IntegerField = Field(
        default="0", validate_default=True, description="Blocks that must stand on the log's own block."
    )

    @model_validator(mode="after")
    def _fit(self) -> Self:
        self.trigger(ZERO_ADDRESS)
        return self

    def trigger(self, account: Address) -> EventTrigger:
        """Return what it says, for a job of that account; raise a mistake, for a validator."""
        types = {field.name: field.type for field in self.event.fields}
        where: dict[str, Compared] = {}
        for name, fields in self.where.items():
            if name not in types:
                fix = f"write one of {', '.join(types)}"
                raise mistake("unknown_parameter", f"{self.event.name} has no parameter {name[:80]!r}", fix)
            try:
                where[name] = fields.compared(types[name], account)
            except ValueError as error:
                raise mistake("bad_comparison", f"{name}: {error}", "write what the value must be") from None
        hashed = {field.name for field in self.event.fields if field.indexed and not is_word(field.type)}
        if hashed & where.keys():
            message = f"of {', '.join(sorted(hashed & where.keys()))} the log has a hash alone"
            raise mistake("bad_comparison", message, "leave it out")
        return EventTrigger(self.address, self.event, where, self.confirmations)
