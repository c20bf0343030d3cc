"""Field types of the agent's own files; those that job kinds share are in jobs.fields."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainValidator, SecretStr, ValidationInfo, WithJsonSchema

from agent.domain.cron import trigger
from agent.domain.endpoint_host import why_forbidden
from agent.domain.local_time import zone
from agent.domain.p256 import P256Point
from agent.domain.units import Hash32, bytes_from_hex
from agent.smart_sessions.lint_codes import RULE_CODES
from jobs import fields as of_jobs
from jobs.fields import mistake, text_field, text_of

_ID = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,19}", re.ASCII)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,127})\}", re.ASCII)
_MAX_NESTING = 32
_MAX_CONTEXT = 4_096
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class FileContext:
    """What fields need from outside the files: values for `${NAME}`, by name."""

    environment: Mapping[str, str]
    read_secret: Callable[[str], str]
    """Returns the text of a `file:` reference; raises OSError or ValueError."""


@dataclass(frozen=True, slots=True)
class Finality:
    """When a block counts as final: by the node's own tag, or so many blocks below the head."""

    depth: int | None = None
    """None means the tag `finalized`."""


@dataclass(frozen=True, slots=True)
class PasswordSource:
    """Where the password of a keystore comes from: a file or an open descriptor."""

    file: str | None = None
    descriptor: int | None = None


Moment = date | datetime
"""A day, a wall-clock time, or (with an offset) an instant."""


def parse_id(value: object) -> str:
    """Read a name that is safe in logs, labels, shells and file names."""
    text = text_of(value)
    if not _ID.fullmatch(text):
        fix = "use 1 to 64 small letters, digits and dashes"
        raise mistake("bad_name", f"{text[:80]!r} cannot be a name", fix)
    return text


def parse_symbol(value: object) -> str:
    """Read the symbol of a token."""
    text = text_of(value)
    if not _SYMBOL.fullmatch(text) or text in {"ether", "gwei", "wei"}:
        fix = "use a letter and up to 19 letters, digits, dots or dashes; ether, gwei and wei are taken"
        raise mistake("bad_symbol", f"{text[:80]!r} cannot be a token symbol", fix)
    return text


def parse_reference_text(value: object) -> str:
    """Read the operator's own reference."""
    text = text_of(value)
    if len(text) > 200 or "\n" in text:
        raise mistake("bad_reference", "the reference is longer than a line of 200 characters", "shorten it")
    return text


def parse_zone(value: object) -> str:
    """Read the name of an IANA time zone."""
    text = text_of(value)
    try:
        return zone(text).key
    except ValueError:
        fix = "write an IANA name such as Europe/Berlin or UTC"
        raise mistake("bad_time_zone", f"{text[:80]!r} is not an IANA time zone", fix) from None


def parse_time_of_day(value: object) -> int:
    """Read `09:30`; in minutes after midnight."""
    match = _TIME.fullmatch(text_of(value))
    if match is None:
        fix = 'write hours and minutes, such as "09:30"'
        raise mistake("bad_time", f"{text_of(value)[:80]!r} is not a time of day", fix)
    return int(match[1]) * 60 + int(match[2])


def parse_moment(value: object) -> Moment:
    """Read `2026-03-01`, `2026-03-01T09:00` or `2026-03-01T09:00:00Z`."""
    text = text_of(value)
    try:
        if _DATE.fullmatch(text):
            return _in_range(date.fromisoformat(text))
        if _INSTANT.fullmatch(text):
            return _in_range(datetime.fromisoformat(text))
    except ValueError:
        raise mistake(
            "impossible_date", f"{text[:80]!r} is not in the calendar", "write a real date"
        ) from None
    fix = "write 2026-03-01 or 2026-03-01T09:00:00Z"
    raise mistake("bad_date", f"{text[:80]!r} is not a date", fix)


def _in_range(moment: Moment) -> Moment:
    if not 1970 <= moment.year < 2200:
        raise mistake(
            "date_out_of_range", f"the year {moment.year} is out of range", "write a year below 2200"
        )
    return moment


def parse_cron(value: object) -> str:
    """Read a five-field cron expression."""
    text = " ".join(text_of(value).split())
    try:
        trigger(text)
    except ValueError as error:
        fix = 'write minute, hour, day, month, weekday, such as "0 9 1 * *"'
        raise mistake("bad_cron", f"{text[:80]!r}: {error}", fix) from None
    return text


def parse_weekday(value: object) -> int:
    """Read a day of the week; Monday is 0."""
    text = text_of(value).lower()
    if text not in WEEKDAYS:
        raise mistake("bad_weekday", f"{text[:80]!r} is not a weekday", f"write one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(text)


def parse_bytes(value: object) -> bytes:
    """Read 0x-hex."""
    text = text_of(value)
    try:
        return bytes_from_hex(text)
    except ValueError:
        raise mistake("bad_hex", f"{text[:40]!r} is not 0x-hex of whole bytes", "write 0x and hex") from None


def parse_hash(value: object) -> Hash32:
    """Read 32 bytes of 0x-hex."""
    data = parse_bytes(value)
    if len(data) != 32:
        raise mistake("bad_hex", f"{len(data)} bytes stand here, 32 belong here", "write 0x and 64 digits")
    return Hash32(data)


def parse_point(value: object) -> P256Point:
    """Read the public key of a passkey."""
    try:
        return P256Point.parse(parse_bytes(value))
    except ValueError as error:
        fix = "write 0x and the 128 digits of x and y, as keys new prints them"
        raise mistake("bad_public_key", f"{text_of(value)[:40]!r}: {error}", fix) from None


def parse_selector(value: object) -> bytes:
    """Read a function selector."""
    data = parse_bytes(value)
    if len(data) != 4:
        raise mistake("bad_hex", f"{len(data)} bytes stand here, a selector has 4", "write 0x and 8 digits")
    return data


def parse_rule(value: object) -> str:
    """Read the code of a lint rule."""
    text = text_of(value)
    if text not in RULE_CODES:
        raise mistake("rule_unknown", f"there is no lint rule {text[:20]!r}", "write a code from L01 to L38")
    return text


def parse_reason(value: object) -> str:
    """Read a reason that a person gave: one line."""
    text = text_of(value).strip()
    if not text.isprintable() or not 1 <= len(text) <= 200:
        raise mistake("bad_reason", "this is no reason on one line", "write 1 to 200 letters on one line")
    return text


def parse_finality(value: object) -> Finality:
    """Read `finalized` or `{depth: n}`."""
    if value == "finalized":
        return Finality()
    depth = value.get("depth") if isinstance(value, dict) and set(value) == {"depth"} else None
    if isinstance(depth, str) and depth.isdecimal() and 1 <= int(depth[:9]) <= 100_000:
        return Finality(int(depth))
    fix = "write finalized, or {depth: 12} for 12 blocks below the head"
    raise mistake("bad_finality", "this names no finality rule", fix)


def parse_url(value: object, info: ValidationInfo) -> SecretStr:
    """Read an http(s) URL; `${NAME}` and `file:` keep keys out of the file."""
    return _endpoint(value, info, ("http", "https"))


def parse_stream_url(value: object, info: ValidationInfo) -> SecretStr:
    """Read a ws(s) URL; `${NAME}` and `file:` keep keys out of the file."""
    return _endpoint(value, info, ("ws", "wss"))


def _endpoint(value: object, info: ValidationInfo, schemes: tuple[str, str]) -> SecretStr:
    url = _resolved(text_of(value), info)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        forbidden = why_forbidden(parts.hostname or "")
    except ValueError:
        valid, forbidden = False, ""
    # The value is not shown: it may hold a key.
    if not valid:
        plain, secure = schemes
        raise mistake("bad_url", f"this is not an {plain} or {secure} URL", f"write {secure}://host/path")
    if forbidden:
        raise mistake("forbidden_host", f"its host is {forbidden}", "write the address of a node or bundler")
    return SecretStr(url)


def parse_context(value: object, info: ValidationInfo) -> SecretStr:
    """Read a JSON object for a paymaster; `${NAME}` and `file:` keep keys out of the file."""
    text = _resolved(text_of(value), info)
    # Counted before parsing: the decoder recurses, and the recursion limit may have been raised.
    nested = text.count("{") + text.count("[") > _MAX_NESTING
    try:
        found = None if nested or len(text) > _MAX_CONTEXT else json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        # The value is not shown: it may hold a key.
        fix = """write '{"sponsorshipPolicyId": "sp_1"}', in single quotes"""
        raise mistake("bad_context", "this is not a small JSON object", fix)
    return SecretStr(text)


def parse_store(value: object, info: ValidationInfo) -> SecretStr:
    """Read the URL of the journal's database."""
    url = _resolved(text_of(value), info)
    if url.split(":", 1)[0] not in {"sqlite", "postgresql"} or "://" not in url:
        fix = "write sqlite:///state/journal.db or postgresql://…"
        raise mistake("bad_store", "this is not a sqlite or postgresql URL", fix)
    return SecretStr(url)


def parse_password(value: object) -> PasswordSource:
    """Read `file:PATH` or `fd:N`; a password itself never stands in a file of the agent."""
    kind, _, rest = text_of(value).partition(":")
    if kind == "file" and rest:
        return PasswordSource(file=rest)
    if kind == "fd" and rest.isdecimal() and len(rest) < 6:
        return PasswordSource(descriptor=int(rest))
    raise mistake(
        "bad_password_source", "a password stands here, or no source of one", "write file:PATH or fd:3"
    )


def _resolved(text: str, info: ValidationInfo) -> str:
    context = info.context
    if not isinstance(context, FileContext):
        return text
    if text.startswith("file:"):
        return _secret_file(text.removeprefix("file:"), context)
    missing = [name for name in _REFERENCE.findall(text) if not context.environment.get(name)]
    if missing:
        fix = f"set {missing[0]} before starting"
        raise mistake("unset_variable", f"the variable {missing[0]} is not set", fix)
    return _REFERENCE.sub(lambda match: context.environment[match[1]], text)


def _secret_file(name: str, context: FileContext) -> str:
    try:
        return context.read_secret(name)
    except (OSError, ValueError):
        raise mistake(
            "secret_unreadable", f"the file {name[:80]!r} cannot be read", "check path and mode"
        ) from None


def _words(value: object) -> object:
    return value.split() if isinstance(value, str) else value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _plain(validate: Callable[..., Any], **schema: object) -> tuple[Any, ...]:
    return PlainValidator(validate), WithJsonSchema({"type": "string", **schema})


BooleanField = of_jobs.BooleanField
IdField = Annotated[str, *_plain(parse_id, pattern="^[a-z0-9-]{1,64}$")]
SymbolField = Annotated[str, *_plain(parse_symbol, pattern="^[A-Za-z][A-Za-z0-9._-]{0,19}$")]
ReferenceField = Annotated[str, *_plain(parse_reference_text, maxLength=200)]
ZoneField = Annotated[str, *_plain(parse_zone, examples=["Europe/Berlin", "UTC"])]
TimeField = Annotated[int, *_plain(parse_time_of_day, pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""In minutes after midnight."""
MomentField = Annotated[Moment, *_plain(parse_moment, examples=["2026-03-01", "2026-03-01T09:00:00Z"])]
CronField = Annotated[str, *_plain(parse_cron, examples=["0 9 1 * *"])]
WeekdayField = Annotated[int, *_plain(parse_weekday, enum=list(WEEKDAYS))]
BytesField = Annotated[bytes, *_plain(parse_bytes, pattern="^0x([0-9a-fA-F]{2})*$")]
HashField = Annotated[Hash32, *text_field(parse_hash, "^0x[0-9a-fA-F]{64}$", "0x" + "00" * 32)]
PointField = Annotated[P256Point, *_plain(parse_point, pattern="^0x(04)?[0-9a-fA-F]{128}$")]
SelectorField = Annotated[bytes, *_plain(parse_selector, pattern="^0x[0-9a-fA-F]{8}$")]
RuleField = Annotated[str, *text_field(parse_rule, "^L[0-9]{2}$", "L12")]
ReasonField = Annotated[str, *_plain(parse_reason, minLength=1, maxLength=200)]
FinalityField = Annotated[
    Finality,
    PlainValidator(parse_finality),
    WithJsonSchema({"anyOf": [{"const": "finalized"}, {"type": "object", "required": ["depth"]}]}),
]
UrlField = Annotated[SecretStr, *_plain(parse_url, examples=["https://rpc.example.org/${RPC_KEY}"])]
StreamUrlField = Annotated[
    SecretStr, *_plain(parse_stream_url, examples=["wss://rpc.example.org/${RPC_KEY}"])
]
StoreField = Annotated[SecretStr, *_plain(parse_store, examples=["sqlite:///state/journal.db"])]
PasswordField = Annotated[PasswordSource, *_plain(parse_password, pattern="^(file:.+|fd:[0-9]+)$")]
ContextField = Annotated[SecretStr, *_plain(parse_context, examples=['{"token": "0x…"}'])]
UrlsField = Annotated[
    tuple[UrlField, ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One URL or a list of them."""
NamesField = Annotated[
    tuple[IdField, ...],
    BeforeValidator(_words),
    WithJsonSchema({"type": "array", "items": {"type": "string", "pattern": "^[a-z0-9-]{1,64}$"}}),
]
"""A list of names; in a row of a template one text with blanks between them."""
