"""Field types for specs: every value arrives as text and is refused with a code and a fix.

Use them as annotations of a `Spec`; each one carries its JSON schema.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from agent.domain.token import Token, TokenAmount
from agent.domain.units import UINT256_MAX, ZERO_ADDRESS, Address, Timestamp, Wei

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]+))? +([A-Za-z][A-Za-z0-9._-]{0,19})", re.ASCII)
_NUMBER = re.compile(
    r"[+-]?(?:[0-9][0-9_]*)?\.?[0-9]*(?:[eE][+-]?[0-9]+)?|[+-]?\.inf|\.nan", re.ASCII | re.IGNORECASE
)
_INTEGER = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_SHORT_DURATION = re.compile(
    r"(?:([0-9]{1,6})w)?(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,9})s)?"
)
_ISO_DURATION = re.compile(
    r"P(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?(?:T(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,9})S)?)?"
)
_DURATION_UNITS_S = (604_800, 86_400, 3_600, 60, 1)
MAX_DURATION_S = 36_525 * 86_400
NATIVE_DECIMALS = {"ether": 18, "gwei": 9, "wei": 0}

Value = TypeVar("Value")
_AMOUNT_SCHEMA = r"^[0-9]+(\.[0-9]+)? +[A-Za-z][A-Za-z0-9._-]*$"


@dataclass(frozen=True, slots=True)
class FieldContext:
    """What fields need to know of the chain they are for; validators get it as pydantic's context."""

    tokens: Mapping[str, Token]


def mistake(code: str, message: str, fix: str) -> PydanticCustomError:
    """Return an error for a field validator to raise: a stable code, what is wrong, what to write."""
    # The text travels as a value: braces in what a person wrote must not be read as a template.
    return PydanticCustomError("mistake", "{code}: {text}", {"code": code, "text": message, "fix": fix})


def mistake_of(error: ValueError, code: str, fix: str) -> PydanticCustomError:
    """Return a mistake as it is, and any other error as one."""
    return error if isinstance(error, PydanticCustomError) else mistake(code, str(error), fix)


def text_of(value: object) -> str:
    """Return the text of a scalar; refuse lists and mappings."""
    if isinstance(value, str):
        return value
    kind = "a mapping" if isinstance(value, Mapping) else "a list"
    raise mistake("wrong_shape", f"{kind} stands where one value belongs", "write one value")


def parse_address(value: object) -> Address:
    """Read a checksummed address other than zero."""
    text = text_of(value)
    if not _ADDRESS.fullmatch(text):
        fix = "write 0x and 40 hexadecimal digits, in quotes"
        raise mistake("bad_address", f"{text[:80]!r} is not an address", fix)
    address = Address.from_hex(text)
    if str(address) != text:
        raise mistake(
            "bad_checksum", f"{text} has a wrong checksum", f'check the address, then write "{address}"'
        )
    if address == ZERO_ADDRESS:
        raise mistake(
            "zero_address", "the zero address owns nothing and returns nothing", "write another address"
        )
    return address


def parse_integer(value: object) -> int:
    """Read a non-negative decimal integer of up to 78 digits."""
    text = text_of(value)
    if not _INTEGER.fullmatch(text):
        raise mistake(
            "bad_integer", f"{text[:80]!r} is not a whole number", "write decimal digits only, such as 12"
        )
    return int(text)


def parse_boolean(value: object) -> bool:
    """Read `true` or `false`, and no other word for them."""
    text = text_of(value)
    if text not in {"true", "false"}:
        raise mistake("bad_boolean", f"{text[:80]!r} is neither true nor false", "write true or false")
    return text == "true"


def parse_duration(value: object) -> int:
    """Read `30d`, `1h30m` or ISO `P30D`, `PT15M`; in seconds."""
    text = text_of(value)
    match = _SHORT_DURATION.fullmatch(text) or _ISO_DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        fix = "write 15m, 6h, 30d or P30D; months and years are calendar periods, not durations"
        raise mistake("bad_duration", f"{text[:80]!r} is not a duration", fix)
    seconds = sum(
        int(part or 0) * unit_s for part, unit_s in zip(match.groups(), _DURATION_UNITS_S, strict=True)
    )
    if seconds > MAX_DURATION_S:
        raise mistake("bad_duration", f"{text!r} is longer than a century", "write a shorter duration")
    return seconds


def parse_instant(value: object) -> Timestamp:
    """Read a moment with its offset from UTC: `2026-12-31T18:00:00Z`."""
    text = text_of(value)
    fix = 'write day, time and offset in quotes, such as "2026-12-31T18:00:00Z"'
    if not _INSTANT.fullmatch(text):
        raise mistake("bad_moment", f"{text[:80]!r} is no moment", fix)
    try:
        return Timestamp(int(datetime.fromisoformat(text).timestamp()))
    except (OverflowError, ValueError):
        raise mistake("bad_moment", f"{text!r} is not in the calendar", fix) from None


def parse_amount(value: object, info: ValidationInfo) -> TokenAmount:
    """Read a number and a unit; exact, positive and below 2^256 base units."""
    tokens = info.context.tokens if isinstance(info.context, FieldContext) else {}
    whole, fraction, symbol = _amount_parts(text_of(value))
    token = tokens.get(symbol) or _native_token(symbol)
    if token is None:
        known = ", ".join(sorted(tokens)) or "none"
        fix = f"write one of this chain's tokens ({known}), ether, gwei or wei"
        raise mistake("unknown_token", f"{symbol!r} is no token of this chain", fix)
    return TokenAmount(token, _base_units(whole, fraction, token))


def parse_wei(value: object) -> Wei:
    """Read an amount of the chain's own coin: `50 gwei`, `0.01 ether`; in wei."""
    whole, fraction, symbol = _amount_parts(text_of(value))
    token = _native_token(symbol)
    if token is None:
        raise mistake("not_native", f"{symbol!r} is not the chain's own coin", "write ether, gwei or wei")
    return Wei(_base_units(whole, fraction, token))


def _amount_parts(text: str) -> tuple[str, str, str]:
    match = _AMOUNT.fullmatch(text)
    if match is not None:
        return match[1], match[2] or "", match[3]
    if text.startswith("-"):
        raise mistake("negative_amount", f"{text[:80]!r} is negative", "write a positive amount")
    if text and _NUMBER.fullmatch(text):
        fix = 'write a number and its unit in quotes, such as "10 USDC"'
        raise mistake("amount_without_unit", f"{text[:80]!r} does not say of what", fix)
    raise mistake(
        "bad_amount", f"{text[:80]!r} is not an amount", 'write "10 USDC", "2.5 USDC" or "0.1 ether"'
    )


def _native_token(symbol: str) -> Token | None:
    decimals = NATIVE_DECIMALS.get(symbol)
    return None if decimals is None else Token(symbol, None, decimals)


def _base_units(whole: str, fraction: str, token: Token) -> int:
    if len(fraction) > token.decimals:
        message = f"{token.symbol} has {token.decimals} decimals, the amount has {len(fraction)}"
        raise mistake("too_many_decimals", message, f"write at most {token.decimals} decimals")
    if len(whole) > 78:
        raise mistake("amount_too_large", "the amount does not fit into 256 bits", "write a smaller amount")
    units = int(whole + fraction.ljust(token.decimals, "0"))
    if units == 0:
        raise mistake("zero_amount", "the amount is zero", "write a positive amount")
    if units > UINT256_MAX:
        raise mistake("amount_too_large", "the amount does not fit into 256 bits", "write a smaller amount")
    return units


def _canonical_amount(amount: TokenAmount) -> str:
    # For digests: a symbol may come to mean another contract, base units of an address may not.
    return f"{amount.base_units} of {amount.token.address or 'native'}"


def text_field(
    validate: Callable[..., Value], pattern: str, example: str, serialize: Callable[[Any], str] = str
) -> tuple[Any, ...]:
    """Return the annotations of a field that is text in the file and `validate`'s value in the model."""
    schema = {"type": "string", "pattern": pattern, "examples": [example]}
    return PlainValidator(validate), PlainSerializer(serialize, return_type=str), WithJsonSchema(schema)


AddressField = Annotated[
    Address, *text_field(parse_address, "^0x[0-9a-fA-F]{40}$", "0x0000000071727De22E5E9d8BAf0edAc6f37da032")
]
AmountField = Annotated[TokenAmount, *text_field(parse_amount, _AMOUNT_SCHEMA, "10 USDC", _canonical_amount)]
WeiField = Annotated[Wei, *text_field(parse_wei, r"^[0-9]+(\.[0-9]+)? +(ether|gwei|wei)$", "50 gwei")]
DurationField = Annotated[int, *text_field(parse_duration, "^(P.+|([0-9]+[wdhms])+)$", "30d")]
"""In seconds."""
IntegerField = Annotated[
    int,
    PlainValidator(parse_integer),
    WithJsonSchema({"type": ["integer", "string"], "pattern": "^(0|[1-9][0-9]*)$", "minimum": 0}),
]
BooleanField = Annotated[bool, PlainValidator(parse_boolean), WithJsonSchema({"type": "boolean"})]
InstantField = Annotated[
    Timestamp, *text_field(parse_instant, "^[0-9]{4}-[0-9]{2}-[0-9]{2}T.+$", "2026-12-31T18:00:00Z")
]
