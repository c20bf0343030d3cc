"""Who pays for gas in the account's place, how much of it they may, and what they may take for it."""

from dataclasses import dataclass

from agent.domain.budget import PAYMASTER
from agent.domain.errors import PaymasterCap, PaymasterRejected
from agent.domain.occurrence import Inclusion
from agent.domain.token import Token
from agent.domain.units import Address, ChainId, Gas, Wei
from agent.domain.user_operation import PaymasterFields

RATE_UNIT_WEI = 10**18
MAX_DATA_BYTES = 4_096
"""Of `paymasterData`; the account pays for each of them."""
LEAST_WINDOW_S = 30
"""Bundlers take no operation that ends in some seconds."""


@dataclass(frozen=True, slots=True)
class TokenFee:
    """What an ERC-20 paymaster may take from the account, in the token's base units."""

    token: Token
    max_rate: int
    """Base units for 10**18 wei of gas."""
    max_fee: int
    """For one operation."""
    max_fee_per_day: int
    """From one account, by UTC day; also the most the account may allow all its contracts to take."""

    def worst(self, cost_wei: Wei) -> int:
        """Return the fee for an operation of that cost at the highest rate, rounded up."""
        return -(-cost_wei * self.max_rate // RATE_UNIT_WEI)


@dataclass(frozen=True, slots=True)
class PaymasterRules:
    """What the operator lets one paymaster do."""

    name: str
    chain_id: ChainId
    addresses: tuple[Address, ...]
    """The only contracts that it may name."""
    max_cost_wei: Wei
    """Of one operation, worst case."""
    max_cost_per_day_wei: Wei
    """Of all operations of a UTC day together."""
    max_verification_gas: Gas
    max_post_op_gas: Gas
    token_fee: TokenFee | None = None


@dataclass(frozen=True, slots=True)
class PaymasterOffer:
    """An answer to `pm_getPaymasterStubData` or `pm_getPaymasterData` (ERC-7677)."""

    paymaster: Address
    data: bytes
    verification_gas_limit: Gas | None = None
    post_op_gas_limit: Gas | None = None
    is_final: bool = False
    sponsor: str = ""
    """What it calls itself."""


@dataclass(frozen=True, slots=True)
class PaymasterKey:
    """Names what the agent itself counts of a paymaster on one UTC day; the text is the limit key."""

    chain_id: ChainId
    paymaster: str
    day: str
    token: Address | None = None
    """None for wei of sponsored gas, over all accounts."""
    account: Address | None = None

    def __str__(self) -> str:
        what = "wei" if self.token is None else f"{self.token}:{self.account}"
        return f"{PAYMASTER}{self.chain_id}/{self.paymaster}/{what}/{self.day}"

    @classmethod
    def parse(cls, text: str) -> "PaymasterKey":
        """Read what `str` made of a key; raise ValueError on anything else."""
        chain, paymaster, what, day = text.removeprefix(PAYMASTER).split("/")
        if what == "wei":
            return cls(ChainId(int(chain)), paymaster, day)
        token, account = what.split(":")
        return cls(ChainId(int(chain)), paymaster, day, Address.parse(token), Address.parse(account))


def spent(limit_key: str, reserved: int, inclusion: Inclusion | None) -> int:
    """Return what an operation used of a limit that the agent counts itself.

    What nobody measured counts as the worst case that was reserved.
    """
    if inclusion is None:
        return reserved
    if PaymasterKey.parse(limit_key).token is None:
        return inclusion.actual_gas_cost_wei
    return reserved if inclusion.paymaster_fee is None else inclusion.paymaster_fee


def stub_fields(rules: PaymasterRules, offer: PaymasterOffer) -> PaymasterFields:
    """Return what to estimate with; raises PaymasterRejected when the rules forbid it.

    A verification gas limit that the offer leaves out is zero: the bundler estimates it.
    """
    post_op_gas = offer.post_op_gas_limit
    if post_op_gas is None:
        raise PaymasterRejected(rules.name, "paymaster_gas_unknown", "it names no paymasterPostOpGasLimit")
    fields = PaymasterFields(offer.paymaster, offer.verification_gas_limit or Gas(0), post_op_gas, offer.data)
    check_fields(rules, fields)
    return fields


def final_fields(rules: PaymasterRules, priced: PaymasterFields, offer: PaymasterOffer) -> PaymasterFields:
    """Return what is signed, the priced fields with the final data; raises PaymasterRejected."""
    if offer.paymaster != priced.paymaster:
        message = f"it names {offer.paymaster}, its stub named {priced.paymaster}"
        raise PaymasterRejected(rules.name, "paymaster_changed", message)
    if len(offer.data) > len(priced.paymaster_data):
        message = f"its data has {len(offer.data)} bytes, its stub had {len(priced.paymaster_data)}"
        raise PaymasterRejected(rules.name, "paymaster_data_longer", message)
    fields = PaymasterFields(
        offer.paymaster,
        offer.verification_gas_limit or priced.paymaster_verification_gas_limit,
        # Zero is a limit here: a paymaster without context runs nothing afterwards.
        priced.paymaster_post_op_gas_limit if offer.post_op_gas_limit is None else offer.post_op_gas_limit,
        offer.data,
    )
    check_fields(rules, fields)
    return fields


def check_fields(rules: PaymasterRules, fields: PaymasterFields) -> None:
    """Raise PaymasterRejected for a contract, gas limits or data that the rules forbid."""
    if fields.paymaster not in rules.addresses:
        message = f"{fields.paymaster} is none of the addresses it may name"
        raise PaymasterRejected(rules.name, "paymaster_not_allowed", message)
    _at_most(rules, "verification gas", fields.paymaster_verification_gas_limit, rules.max_verification_gas)
    _at_most(rules, "post-op gas", fields.paymaster_post_op_gas_limit, rules.max_post_op_gas)
    if len(fields.paymaster_data) > MAX_DATA_BYTES:
        message = f"its data has {len(fields.paymaster_data)} bytes, at most {MAX_DATA_BYTES} are taken"
        raise PaymasterRejected(rules.name, "paymaster_data_too_long", message)


def check_costs(rules: PaymasterRules, cost_wei: Wei) -> None:
    """Raise PaymasterCap when one operation may cost more than the rules allow, in wei or in tokens."""
    if cost_wei > rules.max_cost_wei:
        raise PaymasterCap(
            rules.name, "paymaster_cost_above_cap", "the operation, in wei", cost_wei, rules.max_cost_wei
        )
    fee = rules.token_fee
    if fee is not None and fee.worst(cost_wei) > fee.max_fee:
        raise PaymasterCap(
            rules.name,
            "paymaster_fee_above_cap",
            f"the fee, in base units of {fee.token.symbol}",
            fee.worst(cost_wei),
            fee.max_fee,
        )


def _at_most(rules: PaymasterRules, what: str, gas: Gas, cap: Gas) -> None:
    if gas > cap:
        message = f"its {what} limit is {gas}, the cap is {cap}"
        raise PaymasterRejected(rules.name, "paymaster_gas_above_cap", message)
