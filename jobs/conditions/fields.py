"""The tree under `when:`: conditions, and all, any and not of them."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import Field, model_validator

from agent.domain.units import Address
from jobs.conditions.call_fields import CallFields, EventFields
from jobs.conditions.condition import AllOf, AnyOf, Condition, NoCondition, NotOf
from jobs.conditions.events import EventTrigger
from jobs.conditions.leaf_fields import (
    BalanceFields,
    BlockFields,
    HealthFields,
    Leaf,
    PriceLeafFields,
    TimeFields,
)
from jobs.conditions.price_fields import OneOf
from jobs.fields import mistake

_OF_SCHEDULE = frozenset({"cron", "every", "schedule", "on"})


class ConditionFields(OneOf):
    """One condition: exactly one of these."""

    all: tuple["ConditionFields", ...] | None = Field(None, description="True while all of these are.")
    any: tuple["ConditionFields", ...] | None = Field(None, description="True while one of these is.")
    not_: "ConditionFields | None" = Field(None, alias="not", description="True while this is false.")
    block: BlockFields | None = Field(None, description="The number of the block.")
    time: TimeFields | None = Field(None, description="The time of the block.")
    price: PriceLeafFields | None = Field(None, description="A price against a level.")
    health_factor: HealthFields | None = Field(None, description="The health of a loan against a level.")
    balance: BalanceFields | None = Field(None, description="A balance against a level.")
    call: CallFields | None = Field(None, description="The result of a view function.")

    @model_validator(mode="before")
    @classmethod
    def _no_calendar(cls, value: object) -> object:
        found = sorted(_OF_SCHEDULE & value.keys()) if isinstance(value, Mapping) else []
        if found:
            message = f"{found[0]!r} is no condition: the calendar stands under `schedule:`"
            raise mistake("calendar_in_when", message, "write `schedule: {cron: ...}` beside `spec:`")
        return value

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.all == () or self.any == ():
            raise mistake("no_conditions", "the list is empty", "write at least one condition")
        return self

    def condition(self, account: Address) -> Condition:
        """Return the tree for a job of that account."""
        if self.all is not None:
            return AllOf(tuple(part.condition(account) for part in self.all))
        if self.any is not None:
            return AnyOf(tuple(part.condition(account) for part in self.any))
        if self.not_ is not None:
            return NotOf(self.not_.condition(account))
        leaf: Leaf = self.chosen
        return leaf.condition(account)


class WhenFields(ConditionFields):
    """What makes a job due: a condition of the chain, or an event log."""

    event: EventFields | None = Field(None, description="An event log; it stands alone.")

    def condition(self, account: Address) -> Condition:
        """Return the tree for a job of that account, made once; of an event, what is never true."""
        found = self.made.get(account)
        if found is None:
            found = self.made[account] = NoCondition() if self.event else super().condition(account)
        return found

    @cached_property
    def made(self) -> dict[Address, Condition]:
        """The trees made so far, by account: one is asked for at every block."""
        return {}

    def log_trigger(self, account: Address) -> EventTrigger | None:
        """Return the event for a job of that account; None where the tree is of conditions."""
        return self.event.trigger(account) if self.event else None


def chosen_names(fields: ConditionFields) -> tuple[str, ...]:
    """Return which single conditions a tree has, such as `price`, each once, for words to a person."""
    inner: tuple[Any, ...] = (
        *(fields.all or ()),
        *(fields.any or ()),
        *((fields.not_,) if fields.not_ else ()),
    )
    if not inner:
        return tuple(fields.model_fields_set)
    return tuple(dict.fromkeys(name for part in inner for name in chosen_names(part)))
