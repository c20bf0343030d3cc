"""A subscription: a fixed amount to one payee, once a period."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from agent.domain.call import Call
from agent.domain.evaluation import (
    Act,
    ChainView,
    Delivered,
    Delivery,
    Evaluation,
    NotDelivered,
    Read,
    Stop,
    Wait,
)
from agent.domain.occurrence import Occurrence
from agent.domain.possible_call import PossibleCall, PossibleOperation
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.token import TokenAmount, decimal_text
from agent.domain.units import Address, Timestamp, Wei
from jobs import erc20
from jobs.fields import AddressField, AmountField, DurationField
from jobs.kind import EventLog, Kind, Spec

MIN_RECHECK_S = 60
NATIVE_TRANSFER_SELECTOR = bytes.fromhex("ffffffff")


class SubscriptionSpec(Spec):
    """What is paid, and to whom."""

    amount: AmountField = Field(description="What is paid each period: '10 USDC', '0.1 ether'.")
    payee: AddressField = Field(description="Who is paid: one address, quoted, with its checksum.")
    recheck: DurationField = Field(
        default="1h",
        validate_default=True,
        description="How long to wait before looking again when the balance is short or the token paused.",
    )


class Subscription(Kind[SubscriptionSpec]):
    """The kind `subscription`."""

    name = "subscription"
    spec_model = SubscriptionSpec

    def identity(self, spec: SubscriptionSpec) -> Mapping[str, str]:
        return {"payee": str(spec.payee)}

    def objections(self, spec: SubscriptionSpec, account: Address) -> Mapping[str, str]:
        if spec.recheck < MIN_RECHECK_S:
            return {"recheck": f"{spec.recheck} s: look again at most once in {MIN_RECHECK_S} s"}
        if spec.payee == account:
            return {"payee": "the payee is the paying account itself"}
        if spec.payee == spec.amount.token.address:
            return {"payee": "the payee is the token contract: what it receives is lost"}
        return {}

    def reads(self, spec: SubscriptionSpec, account: Address) -> tuple[Read, ...]:
        token = spec.amount.token.address
        if token is None:
            return (erc20.native_balance(account),)
        return (
            erc20.balance_of(token, account),
            erc20.paused(token),
            erc20.blacklisted(token, account),
            erc20.blacklisted(token, spec.payee),
        )

    def evaluate(self, spec: SubscriptionSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        account = occurrence.account
        return (
            _barred(spec, view, account)
            or _short(spec, view, account)
            or Act((_payment(spec),), _intent(spec.amount, spec.payee))
        )

    def confirm(self, spec: SubscriptionSpec, account: Address, logs: Sequence[EventLog]) -> Delivery:
        token = spec.amount.token.address
        if token is None:
            # A plain transfer leaves no log: that the operation succeeded is all there is to see.
            return Delivered()
        topics = (erc20.TRANSFER_EVENT, erc20.word(account), erc20.word(spec.payee))
        paid = [_amount(log) for log in logs if log.address == token and log.topics == topics]
        if paid == [spec.amount.base_units]:
            return Delivered()
        return _not_delivered(spec.amount, paid)

    def requirements(
        self, spec: SubscriptionSpec, account: Address, uses: int
    ) -> tuple[ActionRequirement, ...]:
        units, token = spec.amount.base_units, spec.amount.token.address
        if token is None:
            need = ActionRequirement(spec.payee, NATIVE_TRANSFER_SELECTOR, uses, value_per_use_wei=Wei(units))
            return (need,)
        rules = (
            ArgumentRule("to", 0, Comparison.EQUAL, int.from_bytes(spec.payee, "big")),
            # "At most", so that a transfer of zero can cancel an operation in flight.
            ArgumentRule("amount", 32, Comparison.AT_MOST, units),
        )
        return (ActionRequirement(token, erc20.TRANSFER, uses, rules, token=token, token_total=units * uses),)

    def possible_operations(
        self, spec: SubscriptionSpec, account: Address, uses: int
    ) -> tuple[PossibleOperation, ...]:
        return (PossibleOperation((PossibleCall(_payment(spec)),), uses),)


def _barred(spec: SubscriptionSpec, view: ChainView, account: Address) -> Evaluation | None:
    token = spec.amount.token.address
    if token is None:
        return None
    symbol = spec.amount.token.symbol
    if view.uint(erc20.blacklisted(token, account)):
        return Stop("account_blacklisted", f"{symbol} bars the account {account}")
    if view.uint(erc20.blacklisted(token, spec.payee)):
        return Stop("payee_blacklisted", f"{symbol} bars the payee {spec.payee}")
    if view.uint(erc20.paused(token)):
        return _later(spec, view, "token_paused", f"transfers of {symbol} are paused")
    return None


def _short(spec: SubscriptionSpec, view: ChainView, account: Address) -> Evaluation | None:
    token = spec.amount.token
    read = (
        erc20.native_balance(account) if token.address is None else erc20.balance_of(token.address, account)
    )
    balance = view.uint(read)
    if balance is None:
        return _later(spec, view, "balance_unknown", f"the {token.symbol} balance cannot be read")
    if balance < spec.amount.base_units:
        held = decimal_text(balance, token.decimals)
        why = f"{held} {token.symbol} held, {spec.amount} needed"
        return _later(spec, view, "insufficient_balance", why)
    return None


def _later(spec: SubscriptionSpec, view: ChainView, code: str, why: str) -> Wait:
    return Wait(Timestamp(view.timestamp + spec.recheck), code, why)


def _payment(spec: SubscriptionSpec) -> Call:
    token = spec.amount.token.address
    if token is None:
        return Call(spec.payee, Wei(spec.amount.base_units), b"")
    return erc20.transfer(token, spec.payee, spec.amount.base_units)


def _intent(amount: TokenAmount, payee: Address) -> dict[str, str]:
    return {
        "token": str(amount.token.address) if amount.token.address else "native",
        "to": str(payee),
        "amount": str(amount.base_units),
        "text": f"pay {amount} to {payee}",
    }


def _amount(log: EventLog) -> int:
    return int.from_bytes(log.data[:32], "big")


def _not_delivered(amount: TokenAmount, paid: list[int]) -> NotDelivered:
    if not paid:
        return NotDelivered("no_transfer", f"no Transfer of {amount.token.symbol} to the payee in the logs")
    shown = ", ".join(decimal_text(units, amount.token.decimals) for units in paid)
    return NotDelivered("amount_differs", f"the logs show {shown}, the job pays {amount}")


SUBSCRIPTION = Subscription()
