"""What the operator wishes of a session, from the options of `sessions new`, `edit` and `rotate`."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import typer
from pydantic_core import PydanticCustomError

from agent.commands.session_need import Wish
from agent.definitions.fields import parse_moment, parse_reason, parse_rule
from agent.domain.units import Timestamp


def wish_of(
    periods: int | None,
    headroom: int | None,
    allow_lint: Sequence[str] | None,
    reason: str | None,
    uses: int | None = None,
    until: str | None = None,
) -> Wish:
    """Return the wish; raise BadParameter for a rule that is none, or allowances without a reason."""
    if bool(allow_lint) != bool(reason):
        raise typer.BadParameter("--allow-lint and --reason go together")
    try:
        rules = tuple(dict.fromkeys(map(parse_rule, allow_lint or ())))
        why = parse_reason(reason) if reason else ""
        return Wish(periods, headroom, rules, why, uses, None if until is None else instant_of(until))
    except PydanticCustomError as error:
        raise typer.BadParameter(error.message()) from None


def instant_of(text: str) -> Timestamp:
    """Read an instant, or a day, which stands for its last second in UTC; raise BadParameter."""
    try:
        moment = parse_moment(text)
    except PydanticCustomError as error:
        raise typer.BadParameter(error.message()) from None
    if not isinstance(moment, datetime):
        # A day counts whole.
        moment = datetime.combine(moment + timedelta(days=1), time(), UTC) - timedelta(seconds=1)
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text} is a different instant in each time zone: write {text}Z")
    return Timestamp(int(moment.timestamp()))
