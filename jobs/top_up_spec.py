"""What a top-up's file says, and what may be wrong with it."""

from enum import StrEnum
from functools import cached_property

from pydantic import Field

from agent.domain.evaluation import Read
from agent.domain.keccak import keccak256
from agent.domain.token import decimal_text
from agent.domain.units import Address
from jobs import erc20
from jobs.fields import AddressField, AmountField, DurationField, IntegerField
from jobs.kind import Spec

ENTRY_POINT = "0x0000000071727De22E5E9d8BAf0edAc6f37da032"
"""Of version 0.7."""
MIN_RECHECK_S = 60
_DEPOSIT_OF = keccak256(b"balanceOf(address)")[:4]


class Keep(StrEnum):
    """What is kept at a level."""

    BALANCE = "balance"
    DEPOSIT = "deposit"
    """Coin at an EntryPoint, of which it pays for gas."""
    ALLOWANCE = "allowance"


class TopUpSpec(Spec):
    """What is kept, for whom, and between which levels."""

    keep: Keep = Field(description="balance, deposit (coin at the EntryPoint, for gas) or allowance.")
    of: AddressField = Field(description="Whose balance or deposit; of an allowance the spender.")
    below: AmountField = Field(description="Act when it is below this: '0.05 ether', '20 USDC'.")
    to: AmountField = Field(description="What it is brought up to.")
    most: AmountField | None = Field(
        None, description="What one action moves at most; as much as is missing if left out."
    )
    per_day: AmountField | None = Field(None, description="What all actions of a UTC day move at most.")
    total: AmountField | None = Field(None, description="What the job moves at most in all its life.")
    actions_per_day: IntegerField | None = Field(None, description="Actions in a UTC day, at most.")
    cool_down: DurationField = Field(
        default="10m", validate_default=True, description="The least time from one action to the next."
    )
    recheck: DurationField = Field(
        default="15m",
        validate_default=True,
        description="How long to wait before looking again when the account is short or a read fails.",
    )
    entry_point: AddressField = Field(
        default=ENTRY_POINT,
        validate_default=True,
        description="Where a deposit lies; version 0.7's if left out.",
    )

    @property
    def largest(self) -> int:
        """What one action moves or allows at most, in base units."""
        return self.to.base_units if self.most is None else min(self.most.base_units, self.to.base_units)

    @cached_property
    def least_text(self) -> str:
        """The level it may not fall below, for people."""
        return str(self.below)

    def text(self, units: int) -> str:
        """Write base units of what is kept."""
        token = self.to.token
        return f"{decimal_text(units, token.decimals)} {token.symbol}"

    def level_read(self, account: Address) -> Read:
        """Return the read of the level for a job of that account, made once."""
        found = self.made.get(account)
        if found is None:
            found = self.made[account] = _level_read(self, account)
        return found

    @cached_property
    def made(self) -> dict[Address, Read]:
        """The reads made so far, by account: one is asked for at every block."""
        return {}


def wrong_target(spec: TopUpSpec, account: Address) -> dict[str, str]:
    """Return what is wrong with whose level is kept."""
    token = spec.to.token.address
    if spec.of == account and spec.keep is not Keep.DEPOSIT:
        return {"of": "it is the paying account itself"}
    if spec.of == token:
        return {"of": "it is the token contract: what it receives is lost"}
    if spec.keep is Keep.DEPOSIT and token is not None:
        return {"to": "a deposit is of the chain's own coin: write ether"}
    if spec.keep is Keep.ALLOWANCE and token is None:
        return {"to": "only tokens have allowances"}
    return {}


def wrong_amounts(spec: TopUpSpec) -> dict[str, str]:
    """Return what is wrong with levels, caps and times."""
    token = spec.to.token.address
    given = {"below": spec.below, "most": spec.most, "per_day": spec.per_day, "total": spec.total}
    found = {
        name: f"{amount} and {spec.to} are not of one token"
        for name, amount in given.items()
        if amount is not None and amount.token.address != token
    }
    if not found and spec.below.base_units >= spec.to.base_units:
        found["below"] = f"{spec.below} is not below {spec.to}"
    if spec.keep is Keep.ALLOWANCE and spec.most is not None:
        found["most"] = "an allowance is set, not added to: leave most out"
    for name in ("per_day", "total"):
        amount = given[name]
        if amount is not None and name not in found and amount.base_units < spec.largest:
            found[name] = f"{amount} is less than one action may take, {spec.text(spec.largest)}"
    if spec.actions_per_day == 0:
        found["actions_per_day"] = "with none a day nothing is ever topped up"
    if spec.recheck < MIN_RECHECK_S:
        found["recheck"] = f"{spec.recheck} s: look again at most once in {MIN_RECHECK_S} s"
    return found


def _level_read(spec: TopUpSpec, account: Address) -> Read:
    token = spec.to.token.address
    if spec.keep is Keep.DEPOSIT:
        return Read(spec.entry_point, _DEPOSIT_OF + erc20.word(spec.of), "deposit")
    if token is None:
        return erc20.native_balance(spec.of)
    if spec.keep is Keep.BALANCE:
        return erc20.balance_of(token, spec.of)
    return erc20.allowance(token, account, spec.of)
