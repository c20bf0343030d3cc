"""The breakers of a chain: what they count, in base units."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from agent.definitions.config import BreakerFields, ClockKind
from agent.definitions.records import Definitions
from agent.definitions.source import Report, Source, Tree, Within
from agent.definitions.validation import Fields, validate
from agent.domain.breakers import BreakerLimits
from agent.domain.lane_history import SKEW_S
from agent.domain.token import Token, TokenAmount
from agent.domain.units import ChainId
from jobs.fields import AmountField, FieldContext


class _Spend(Fields):
    spend: tuple[AmountField, ...]


def check_breakers(
    fields: Mapping[str, Any], tokens: Mapping[str, Token], source: Source, report: Report
) -> None:
    """Note what is wrong with the amounts of a chain's breakers."""
    if "breakers" not in fields:
        return
    here = Within(source, ("breakers",))
    if fields["breakers"].clock_skew > SKEW_S:
        report.add(
            here.place(("clock_skew",)),
            "clock_skew_too_wide",
            f"a lost journal is read back with clocks that differ by {SKEW_S // 60} minutes at most",
            f"write {SKEW_S // 60}m or less; 0s turns the breaker off",
        )
    written: Tree = {"spend": list(fields["breakers"].spend)}
    found = validate(_Spend, written, here, report, FieldContext(tokens))
    for index, name in _named_twice(found.get("spend", ())):
        report.add(
            here.place(("spend", index)), "duplicate_amount", f"{name} stands here twice", "name each once"
        )


def limits_of(fields: BreakerFields, tokens: Mapping[str, Token]) -> BreakerLimits:
    """Return what the breakers count; every field must be right and checked."""
    amounts = _Spend.model_validate({"spend": list(fields.spend)}, context=FieldContext(tokens))
    return BreakerLimits(
        spend=amounts.spend,
        operations=fields.operations,
        spend_within_s=fields.spend_within,
        reverts=fields.reverts,
        reverts_within_s=fields.reverts_within,
        errors=fields.errors,
        errors_within_s=fields.errors_within,
        fee_factor=fields.fee_factor,
        fee_floor_wei=fields.fee_floor,
        clock_skew_s=fields.clock_skew,
    )


def breaker_limits(definitions: Definitions) -> Mapping[ChainId, BreakerLimits]:
    """Return the limits of every chain; where the chain is the clock, clocks cannot disagree."""
    limits = {number: chain.breakers for number, chain in definitions.chains.items()}
    if definitions.clock is ClockKind.WALL:
        return limits
    return {number: replace(one, clock_skew_s=0) for number, one in limits.items()}


def _named_twice(amounts: tuple[TokenAmount, ...]) -> Iterator[tuple[int, str]]:
    seen: set[Token] = set()
    for index, amount in enumerate(amounts):
        if amount.token in seen:
            yield index, amount.token.symbol
        seen.add(amount.token)
