"""What a contract call's file says, and what may be wrong with it."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Self

from pydantic import Field, model_validator

from agent.domain.units import ZERO_ADDRESS, Address
from jobs.abi_text import FunctionText, value_of
from jobs.conditions.call_fields import MAX_ARGUMENTS, CallFields, FunctionField, ValueField
from jobs.conditions.fields import ConditionFields, WhenFields
from jobs.fields import (
    AddressField,
    BooleanField,
    DurationField,
    InstantField,
    IntegerField,
    WeiField,
    mistake_of,
)
from jobs.kind import Spec

MIN_RECHECK_S = 60
MAX_PINNED_WORDS = 16
"""So many rules has a UniAction policy: a call with more words cannot be pinned."""


class ContractCallSpec(Spec):
    """One call with all its arguments, when it is made, and how often at most."""

    to: AddressField = Field(description="The contract.")
    function: FunctionField = Field(description='Name and inputs: "rebase(uint256)".')
    arguments: tuple[ValueField, ...] = Field((), description="One for each input; `account` is the job's.")
    value: WeiField | None = Field(None, description="Coin to send along: '0.01 ether'.")
    when: WhenFields | None = Field(None, description="What makes it due, in place of a schedule.")
    repeat: BooleanField = Field(
        default="false",
        validate_default=True,
        description="Go on after each cool-down while it holds; else once each time it comes true.",
    )
    only_if: ConditionFields | None = Field(
        None, description="Looked at again right before each call: without it there is no call."
    )
    expect: CallFields | None = Field(None, description="What a view function must say after the call.")
    times: IntegerField | None = Field(None, description="Calls in all.")
    per_day: IntegerField | None = Field(None, description="Calls in a UTC day, at most.")
    value_per_day: WeiField | None = Field(None, description="Coin sent along in a UTC day, at most.")
    until: InstantField | None = Field(None, description="Nothing fires after it: '2026-12-31T18:00:00Z'.")
    cool_down: DurationField = Field(
        default="10m", validate_default=True, description="The least time from one call to the next firing."
    )
    recheck: DurationField = Field(
        default="15m", validate_default=True, description="How long to wait when something cannot be told."
    )

    @model_validator(mode="after")
    def _fit(self) -> Self:
        try:
            _call_data(self.function, self.arguments, ZERO_ADDRESS)
        except ValueError as error:
            raise mistake_of(error, "bad_call", "write one argument for each input") from None
        return self

    def call_data(self, account: Address) -> bytes:
        """Return the call data for a job of that account."""
        found = self.encoded.get(account)
        if found is None:
            found = self.encoded[account] = _call_data(self.function, self.arguments, account)
        return found

    @cached_property
    def encoded(self) -> dict[Address, bytes]:
        """Call data made so far, by account."""
        return {}


def objections(spec: ContractCallSpec, account: Address) -> dict[str, str]:
    """Return what is wrong between the spec and the account: field name to reason."""
    found = dict(_against_counts(spec))
    words = (len(spec.call_data(account)) - 4) // 32
    if spec.to == account:
        found["to"] = "a session may not call its own account"
    if words > MAX_PINNED_WORDS:
        found["arguments"] = (
            f"they take {words} words; a session pins {MAX_PINNED_WORDS}, the rest would be a thief's"
        )
    for name, condition in (("only_if", spec.only_if), ("expect", spec.expect)):
        if any(count > 1 for count in _confirmations(condition)):
            found[name] = "it is looked at once: confirmations belong under `when:`"
    return found


def _against_counts(spec: ContractCallSpec) -> Iterator[tuple[str, str]]:
    for name in ("times", "per_day"):
        if getattr(spec, name) == 0:
            yield name, "with none nothing is ever called"
    if spec.value_per_day is not None and spec.value_per_day < (spec.value or 0):
        yield "value_per_day", f"it is less than one call sends along, {spec.value} wei"
    if spec.recheck < MIN_RECHECK_S:
        yield "recheck", f"{spec.recheck} s: look again at most once in {MIN_RECHECK_S} s"
    if spec.when is None and (spec.repeat or spec.until is not None):
        yield "repeat" if spec.repeat else "until", "it belongs to a condition: add `when:`"


def _confirmations(fields: Any) -> Iterator[int]:  # noqa: ANN401 - a tree of several models
    if fields is None:
        return
    yield getattr(fields, "confirmations", 1)
    for name in type(fields).model_fields if isinstance(fields, ConditionFields) else ():
        part = getattr(fields, name)
        for item in part if isinstance(part, tuple) else (part,):
            yield from _confirmations(item)


def _call_data(function: FunctionText, arguments: tuple[Any, ...], account: Address) -> bytes:
    if len(arguments) != len(function.inputs):
        raise ValueError(f"{function} takes {len(function.inputs)} arguments, not {len(arguments)}")
    if len(arguments) > MAX_ARGUMENTS:
        raise ValueError(f"{len(arguments)} arguments: at most {MAX_ARGUMENTS}")
    pairs = zip(function.inputs, arguments, strict=True)
    return function.call_data([value_of(kind, value, account) for kind, value in pairs])
