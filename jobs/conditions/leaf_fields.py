"""How a file writes each single condition."""

import re
from fractions import Fraction
from typing import Annotated, Self

from pydantic import Field, model_validator

from agent.domain.keccak import keccak256
from agent.domain.local_time import zone
from agent.domain.units import Address
from jobs import erc20
from jobs.conditions.condition import Condition
from jobs.conditions.crossing import Crossing, Side
from jobs.conditions.health import ONE, AaveV3Health, HealthSource, Healthy
from jobs.conditions.levels import Held, Levelled, Priced, Valued
from jobs.conditions.moments import BlockAt, BlockEvery, TimeOfDay, TimeWithin
from jobs.conditions.price_fields import (
    OneOf,
    PriceFields,
    PriceLevelField,
    TokenField,
    require_independent,
)
from jobs.fields import (
    AddressField,
    AmountField,
    BooleanField,
    InstantField,
    IntegerField,
    mistake,
    text_field,
    text_of,
)
from jobs.kind import Spec
from jobs.loans.fields import CompoundV3Fields, MorphoBlueFields

MAX_CONFIRMATIONS = 10_000
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_FACTOR = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,18}))?", re.ASCII)


def parse_clock(value: object) -> int:
    """Read `09:30`; in minutes after midnight."""
    text = text_of(value)
    match = _CLOCK.fullmatch(text)
    if match is None:
        fix = 'write hours and minutes in quotes, such as "09:30"'
        raise mistake("bad_time", f"{text[:80]!r} is not a time of day", fix)
    return int(match[1]) * 60 + int(match[2])


def parse_zone_name(value: object) -> str:
    """Read the name of an IANA time zone."""
    text = text_of(value)
    try:
        return zone(text).key
    except ValueError as error:
        raise mistake(
            "bad_time_zone", str(error)[:200], "write UTC or a name such as Europe/Berlin"
        ) from None


def parse_factor(value: object) -> int:
    """Read a health factor such as `1.15`; in parts of 10**18."""
    text = text_of(value)
    match = _FACTOR.fullmatch(text)
    if match is None:
        raise mistake("bad_factor", f"{text[:80]!r} is no health factor", 'write a number such as "1.15"')
    return int(match[1]) * ONE + int((match[2] or "").ljust(18, "0"))


ClockField = Annotated[int, *text_field(parse_clock, "^([01][0-9]|2[0-3]):[0-5][0-9]$", "09:30")]
ZoneField = Annotated[str, *text_field(parse_zone_name, "^[A-Za-z0-9_+/-]+$", "Europe/Berlin")]
FactorField = Annotated[int, *text_field(parse_factor, r"^[0-9]+(\.[0-9]+)?$", "1.15")]


class Leaf(Spec):
    """One condition without others in it."""

    @property
    def name(self) -> str:
        """What its entries in the memory are called: the same as long as the file says the same of it."""
        return keccak256(self.model_dump_json().encode())[:6].hex()

    def condition(self, account: Address) -> Condition:
        """Return what it says, for a job of that account."""
        raise NotImplementedError


class BlockFields(Leaf):
    """The number of the block."""

    at: IntegerField | None = Field(None, description="True from this block on.")
    every: IntegerField | None = Field(None, description="True at one block of so many: multiples of it.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.at is None) is (self.every is None):
            raise mistake("not_one", "a block is either at or every", "write at: N, or every: N")
        if self.every is not None and self.every < 2:
            raise mistake("every_block", f"every {self.every} blocks is always", "write 2 or more")
        return self

    def condition(self, account: Address) -> Condition:
        return BlockAt(self.at) if self.at is not None else BlockEvery(self.every or 0, self.name)


class TimeFields(Leaf):
    """The time of the block."""

    after: InstantField | None = Field(None, description="True from this moment on.")
    before: InstantField | None = Field(None, description="True until this moment.")
    between: tuple[ClockField, ClockField] | None = Field(
        None,
        description='Each day between two times: ["09:00", "17:00"]; past midnight if the first is later.',
    )
    zone: ZoneField = Field("UTC", validate_default=True, description="Whose wall clock `between` goes by.")

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if (self.after is None and self.before is None) is (self.between is None):
            fix = "write after, before or both; or between"
            raise mistake("not_one", "a time is a span of moments or of each day", fix)
        if self.after is not None and self.before is not None and self.after >= self.before:
            raise mistake("never", "`before` is not later than `after`", "write a later `before`")
        return self

    def condition(self, account: Address) -> Condition:
        if self.between is not None:
            return TimeOfDay(*self.between, self.zone)
        return TimeWithin(self.after, self.before)


class LevelFields(Leaf):
    """A value against a level; the levels are fields of each."""

    confirmations: IntegerField = Field(
        default="1", validate_default=True, description="For so many blocks, the first one counted."
    )

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if not 1 <= self.confirmations <= MAX_CONFIRMATIONS:
            message = f"{self.confirmations} blocks confirm nothing, or never"
            raise mistake("bad_confirmations", message, f"write 1 to {MAX_CONFIRMATIONS}")
        return self

    def crossing(
        self, below: Fraction | int | None, above: Fraction | int | None, rearm: Fraction | int | None
    ) -> Crossing:
        """Return the crossing of exactly one of two levels; raise a mistake, for a validator."""
        if (below is None) is (above is None):
            raise mistake("not_one", "a level is either below or above", "write one of below and above")
        side, level = (Side.ABOVE, above) if below is None else (Side.BELOW, below)
        back = None if rearm is None else Fraction(rearm)
        try:
            return Crossing(side, Fraction(level or 0), back, self.confirmations, self.name)
        except ValueError:
            where = "above" if side is Side.BELOW else "below"
            message = f"the re-arm level does not lie {where} the level"
            raise mistake("bad_rearm", message, f"write a rearm {where} it") from None


class PriceLeafFields(LevelFields):
    """A price against a level."""

    of: TokenField = Field(description="The token whose price it is.")
    below: PriceLevelField | None = Field(None, description="At or below: '1800 USDC' for one whole token.")
    above: PriceLevelField | None = Field(None, description="At or above.")
    rearm: PriceLevelField | None = Field(
        None, description="After it came true: over only when the price is back here."
    )
    source: PriceFields = Field(description="Where the price comes from.")
    accept_spot: BooleanField = Field(
        default="false",
        validate_default=True,
        description="Take a price that one trade can move. Never for what sells or stops.",
    )

    @model_validator(mode="after")
    def _fit(self) -> Self:
        self._crossing()
        source = self.priced().source
        if not self.accept_spot:
            require_independent(source, "whoever moves it fires the job")
        return self

    def condition(self, account: Address) -> Condition:
        level = self.below or self.above
        return Levelled(
            self.priced(), self._crossing(), "price", f"the price of {self.of.symbol}", str(level)
        )

    def priced(self) -> Priced:
        """Return the price; raise a mistake, for a validator, where the levels are not of one token."""
        quotes = {level.quote for level in (self.below, self.above, self.rearm) if level is not None}
        if len(quotes) != 1:
            raise mistake("two_quotes", "the levels are in two tokens", "write both in the same token")
        (quote,) = quotes
        return Priced(self.source.source(self.of, quote), self.of, quote)

    def _crossing(self) -> Crossing:
        below, above, rearm = (
            None if level is None else level.of(self.of) for level in (self.below, self.above, self.rearm)
        )
        return self.crossing(below, above, rearm)


class AaveFields(Spec):
    """A loan on Aave v3."""

    pool: AddressField = Field(description="The Pool.")

    def source(self, account: Address) -> HealthSource:
        """Return the account's health there."""
        return AaveV3Health(self.pool, account)


class HealthSourceFields(OneOf):
    """Where a loan is: exactly one of these."""

    aave_v3: AaveFields | None = Field(None, description="Aave v3.")
    morpho_blue: MorphoBlueFields | None = Field(None, description="Morpho Blue.")
    compound_v3: CompoundV3Fields | None = Field(None, description="Compound v3.")


class HealthFields(LevelFields):
    """The health factor of a loan against a level."""

    of: AddressField | None = Field(None, description="Whose loan; without it the job's own account.")
    loan: HealthSourceFields = Field(description="Where the loan is.")
    below: FactorField | None = Field(None, description='At or below: "1.15".')
    above: FactorField | None = Field(None, description="At or above.")
    rearm: FactorField | None = Field(None, description="After it came true: over only when it is back here.")

    @model_validator(mode="after")
    def _fit(self) -> Self:
        self.crossing(self.below, self.above, self.rearm)
        return self

    def condition(self, account: Address) -> Condition:
        crossing = self.crossing(self.below, self.above, self.rearm)
        healthy = Healthy(self.loan.chosen.source(self.of or account))
        return levelled(healthy, crossing, "health", "the health factor")


class BalanceFields(LevelFields):
    """A balance against a level."""

    of: AddressField | None = Field(None, description="Whose; without it the job's own account.")
    below: AmountField | None = Field(None, description="At or below: '10 USDC', '0.1 ether'.")
    above: AmountField | None = Field(None, description="At or above.")
    rearm: AmountField | None = Field(None, description="After it came true: over only when it is back here.")

    @model_validator(mode="after")
    def _fit(self) -> Self:
        self._crossing()
        tokens = {level.token for level in (self.below, self.above, self.rearm) if level is not None}
        if len(tokens) > 1:
            raise mistake("two_tokens", "the levels are in two tokens", "write both in the same token")
        return self

    def condition(self, account: Address) -> Condition:
        level = self.below or self.above
        if level is None:
            raise mistake("not_one", "a balance needs a level", "write one of below and above")
        token, of = level.token, self.of or account
        read = erc20.native_balance(of) if token.address is None else erc20.balance_of(token.address, of)
        return levelled(Held(read, token), self._crossing(), "balance", f"the balance of {of}")

    def _crossing(self) -> Crossing:
        below, above, rearm = (
            None if level is None else level.base_units for level in (self.below, self.above, self.rearm)
        )
        return self.crossing(below, above, rearm)


def levelled(valued: Valued, crossing: Crossing, name: str, subject: str) -> Levelled:
    """Return a value against its level, with the level in words."""
    return Levelled(valued, crossing, name, subject, valued.text(crossing.level))
