"""Functions and events as people write them, and their values in calls, answers and logs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError, ParseError
from eth_abi.grammar import ABIType, BasicType, TupleType, parse

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32, bytes_from_hex

_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,99}", re.ASCII)
_KNOWN = frozenset({"address", "bool", "bytes", "int", "string", "uint"})
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,77})", re.ASCII)
_LONGEST = 1_000
_WHOLE_WORDS = frozenset({"int256", "uint256"})

Tree = str | Sequence["Tree"]
"""A value as the file has it: text, or a list of such."""


@dataclass(frozen=True, slots=True)
class FunctionText:
    """A function by its text: `getPrice(uint256)(int256)`."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ()

    def __str__(self) -> str:
        outputs = f"({','.join(self.outputs)})" if self.outputs else ""
        return f"{self.signature}{outputs}"

    @property
    def signature(self) -> str:
        """Its canonical form without outputs: what the selector is the hash of."""
        return f"{self.name}({','.join(self.inputs)})"

    @property
    def selector(self) -> bytes:
        """The first four bytes of its call data."""
        return keccak256(self.signature.encode())[:4]

    def call_data(self, values: Sequence[Any]) -> bytes:
        """Return the call data for values that `value_of` read."""
        return self.selector + encode(self.inputs, values)

    def output(self, answer: bytes, index: int) -> object | None:
        """Return one of the values of an answer; None where it is no such answer."""
        if _WHOLE_WORDS.issuperset(self.outputs):
            # What most views return, asked at every block: any word is a value of these types.
            if len(answer) < 32 * len(self.outputs):
                return None
            word = answer[32 * index : 32 * index + 32]
            return int.from_bytes(word, "big", signed=self.outputs[index] == "int256")
        try:
            return decode(self.outputs, answer)[index]  # type: ignore[no-any-return]
        except (DecodingError, OverflowError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class EventField:
    """One parameter of an event."""

    name: str
    type: str
    indexed: bool


@dataclass(frozen=True, slots=True)
class EventText:
    """An event by its text: `Transfer(address indexed from, address indexed to, uint256 value)`."""

    name: str
    fields: tuple[EventField, ...]

    def __str__(self) -> str:
        parts = (f"{one.type}{' indexed' if one.indexed else ''} {one.name}".strip() for one in self.fields)
        return f"{self.name}({', '.join(parts)})"

    @property
    def topic(self) -> Hash32:
        """Its first topic."""
        return Hash32(keccak256(f"{self.name}({','.join(one.type for one in self.fields)})".encode()))

    def decoded(self, topics: Sequence[bytes], data: bytes) -> dict[str, object] | None:
        """Return the values of a log by name; None where the log is not this event.

        Of an indexed value that is no word (text, a list) the log has the hash alone: that is returned.
        """
        indexed = [one for one in self.fields if one.indexed]
        plain = [one for one in self.fields if not one.indexed]
        if len(topics) != len(indexed) + 1 or topics[0] != self.topic:
            return None
        try:
            found = {
                one.name: decode((one.type if is_word(one.type) else "bytes32",), topic)[0]
                for one, topic in zip(indexed, topics[1:], strict=True)
            }
            values = decode([one.type for one in plain], data)
        except (DecodingError, OverflowError, ValueError):
            return None
        return found | dict(zip((one.name for one in plain), values, strict=True))


def read_function(text: str) -> FunctionText:
    """Read `name(types)` or `name(types)(outputs)`; raise ValueError on anything else."""
    compact = "".join(text.split())
    name, opened, rest = compact.partition("(")
    inputs, outputs = _lists(opened + rest)
    _check_name(name)
    return FunctionText(name, inputs, outputs)


def read_event(text: str) -> EventText:
    """Read `Name(type indexed name, ...)`; raise ValueError on anything else."""
    if len(text) > _LONGEST:
        raise ValueError("it is too long")
    name, opened, rest = text.strip().removeprefix("event ").partition("(")
    if not opened or not rest.endswith(")"):
        raise ValueError("it has no list of parameters in brackets")
    _check_name(name.strip())
    fields = tuple(_event_fields(rest[:-1]))
    if sum(one.indexed for one in fields) > 3:
        raise ValueError("an event has at most three indexed parameters")
    names = [one.name for one in fields]
    if len(set(names)) != len(names):
        raise ValueError("two of its parameters have one name")
    return EventText(name.strip(), fields)


ACCOUNT = "account"
"""Stands for the job's own account wherever an address belongs."""


def value_of(type_text: str, tree: Tree, account: Address) -> Any:  # noqa: ANN401 - eth_abi takes what its types need
    """Read a value of an ABI type from text, or from a list for lists and tuples; raise ValueError."""
    value = _value(parse(type_text), tree, account)
    try:
        encode((type_text,), (value,))
    except (EncodingError, TypeError) as error:
        raise ValueError(f"{str(tree)[:80]!r} is no {type_text}") from error
    return value


def is_word(type_text: str) -> bool:
    """Say whether a type is one word of call data: a number, an address, a boolean or fixed bytes."""
    kind = parse(type_text)
    return (
        isinstance(kind, BasicType)
        and not kind.arrlist
        and (
            kind.base in {"address", "bool", "int", "uint"} or (kind.base == "bytes" and kind.sub is not None)
        )
    )


def is_number(type_text: str) -> bool:
    """Say whether a type is an integer."""
    return is_word(type_text) and parse(type_text).base in {"int", "uint"}


def word_of(type_text: str, value: object) -> bytes:
    """Return the topic of an indexed word."""
    return encode((type_text,), (value,))


def _value(kind: ABIType, tree: Tree, account: Address) -> Any:  # noqa: ANN401 - see `value_of`
    if kind.is_array:
        if isinstance(tree, str):
            raise ValueError(f"{tree[:80]!r} stands where a list of {kind.item_type} belongs")
        return [_value(kind.item_type, item, account) for item in tree]
    if isinstance(kind, TupleType):
        if isinstance(tree, str) or len(tree) != len(kind.components):
            raise ValueError(f"a list of {len(kind.components)} values belongs here")
        return tuple(_value(part, item, account) for part, item in zip(kind.components, tree, strict=True))
    if isinstance(tree, str) and isinstance(kind, BasicType):
        return _scalar(kind, tree, account)
    raise ValueError(f"one {kind} belongs here, not a list")


def _scalar(kind: BasicType, text: str, account: Address) -> object:
    match kind.base:
        case "address":
            return str(account if text == ACCOUNT else Address.parse(text))
        case "bool" if text in {"true", "false"}:
            return text == "true"
        case "int" | "uint" if _INTEGER.fullmatch(text):
            return int(text)
        case "bytes":
            return _bytes(kind, text)
        case "string":
            return text
        case _:
            raise ValueError(f"{text[:80]!r} is no {kind}")


def _bytes(kind: BasicType, text: str) -> bytes:
    value = bytes_from_hex(text)
    # eth_abi would fill up what is short: a hash with a digit lost is a mistake.
    if kind.sub is not None and len(value) != kind.sub:
        raise ValueError(f"{text[:80]!r} has {len(value)} bytes, {kind} has {kind.sub}")
    return value


def _lists(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if len(text) > _LONGEST:
        raise ValueError("it is too long")
    end = _closing(text)
    inputs, rest = text[: end + 1], text[end + 1 :]
    if rest and _closing(rest) != len(rest) - 1:
        raise ValueError("after its inputs stands more than a list of outputs in brackets")
    return tuple(_types(inputs)), tuple(_types(rest)) if rest else ()


def _closing(text: str) -> int:
    if not text.startswith("("):
        raise ValueError("it has no list of types in brackets")
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return at
    raise ValueError("a bracket is not closed")


def _types(listed: str) -> Iterator[str]:
    if listed == "()":
        return
    try:
        kind = parse(listed)
        kind.validate()
    except (ParseError, ValueError) as error:
        raise ValueError(
            f"{listed[:80]} is no list of types: numbers say their size, such as uint256"
        ) from error
    for part in kind.components:
        _check_type(part)
        yield part.to_type_str()


def _check_type(kind: ABIType) -> None:
    if isinstance(kind, TupleType):
        for part in kind.components:
            _check_type(part)
    elif not isinstance(kind, BasicType) or kind.base not in _KNOWN:
        raise ValueError(f"{kind} is no type here")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no name")


def _event_fields(text: str) -> Iterator[EventField]:
    for number, part in enumerate(_parts(text)):
        if not part.strip():
            raise ValueError("a parameter is missing between two commas")
        type_text, *words = part.split()
        indexed = words[:1] == ["indexed"]
        name = " ".join(words[1:] if indexed else words) or str(number)
        if not _NAME.fullmatch(name) and name != str(number):
            raise ValueError(f"{name[:80]!r} is no name")
        (only,) = _types(f"({type_text})")
        yield EventField(name, only, indexed)


def _parts(text: str) -> Iterator[str]:
    depth, begun = 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            yield text[begun:at]
            begun = at + 1
    if text.strip():
        yield text[begun:]
