"""The paymasters of a chain, and the order in which they and the account pay for gas."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from agent.definitions.config import PaymasterFields, TokenFeeFields
from agent.definitions.mistakes import did_you_mean
from agent.definitions.source import Path, Report, Source, Within
from agent.definitions.validation import Fields, validate
from agent.domain.job import SELF
from agent.domain.paymaster import PaymasterRules, TokenFee
from agent.domain.token import Token
from agent.domain.units import ChainId, Gas
from agent.erc4337.version import EntryPointVersion
from jobs.fields import AmountField, FieldContext

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PaymasterDefinition:
    """A paymaster of the configuration."""

    rules: PaymasterRules
    url: SecretStr
    context: SecretStr
    """A JSON object, sent as it is."""
    timeout_s: int


@dataclass(frozen=True, slots=True)
class PayersOfChain:
    """Who may pay for gas on a chain, and in which order where a job does not say."""

    names: frozenset[str]
    order: tuple[str, ...]


class _FeeAmounts(Fields):
    max_rate: AmountField
    max_fee: AmountField
    max_fee_per_day: AmountField


def check_paymasters(
    fields: Mapping[str, Any], tokens: Mapping[str, Token], source: Source, report: Report
) -> None:
    """Note what is wrong with the paymasters of a chain and their order."""
    paymasters: Mapping[str, PaymasterFields] = fields.get("paymasters", {})
    for name, paymaster in paymasters.items():
        _check(name, paymaster, tokens, Within(source, ("paymasters", name)), report)
    entry_point = fields.get("entry_point")
    if paymasters and entry_point is not None and entry_point.version is EntryPointVersion.V06:
        message = "paymasters pay for operations of EntryPoint 0.7 and 0.8 alone"
        report.add(
            source.place(("paymasters",)), "paymaster_entry_point", message, "take paymasters: out of it"
        )
    if "paymasters" in fields:
        check_order(fields.get("pay_gas_by", ()), frozenset(paymasters), source, report)


def check_order(order: Sequence[str], names: frozenset[str], source: Source, report: Report) -> bool:
    """Note what is wrong with an order of payers; return whether nothing is."""
    known, good = names | {SELF}, True
    for index, name in enumerate(order):
        path: Path = ("pay_gas_by", index)
        if name not in known:
            message = f"the chain has no paymaster {name!r}"
            report.add(source.place(path), "unknown_payer", message, did_you_mean(name, known))
            good = False
        elif name in order[:index]:
            report.add(source.place(path), "duplicate_payer", f"{name!r} stands here twice", "name each once")
            good = False
    return good


def order_of(
    own: Sequence[str], chain: PayersOfChain, chain_id: int, source: Source, report: Report
) -> tuple[str, ...] | None:
    """Return who pays for a job's gas: its own order or the chain's; None, noted, where that is wrong.

    The account pays where the chain has no paymaster, and else only where somebody wrote it down.
    """
    if own:
        return tuple(own) if check_order(own, chain.names, source, report) else None
    if chain.order or not chain.names:
        return chain.order or (SELF,)
    message = f"chain {chain_id} has paymasters, and nothing says who pays for gas"
    fix = f"add pay_gas_by: [{min(chain.names)}, {SELF}] here or to the chain"
    report.add(source.place(()), "no_payer", message, fix)
    return None


def payers_of(fields: Mapping[str, Any]) -> PayersOfChain | None:
    """Return who may pay on a chain; None while that holds mistakes."""
    if "paymasters" not in fields or "pay_gas_by" not in fields:
        return None
    return PayersOfChain(frozenset(fields["paymasters"]), fields["pay_gas_by"])


def paymaster_definitions(
    chain_id: ChainId, paymasters: Mapping[str, PaymasterFields], tokens: Mapping[str, Token]
) -> Mapping[str, PaymasterDefinition]:
    """Return the paymasters by name; every field must be right and checked."""
    return {
        name: PaymasterDefinition(
            rules=PaymasterRules(
                name=name,
                chain_id=chain_id,
                addresses=fields.addresses,
                max_cost_wei=fields.max_cost,
                max_cost_per_day_wei=fields.max_cost_per_day,
                max_verification_gas=Gas(fields.max_verification_gas),
                max_post_op_gas=Gas(fields.max_post_op_gas),
                token_fee=None if fields.token_fee is None else _token_fee(fields.token_fee, tokens),
            ),
            url=fields.url,
            context=fields.context,
            timeout_s=fields.timeout,
        )
        for name, fields in paymasters.items()
    }


def context_of(definition: PaymasterDefinition) -> object:
    """Return what is sent to the paymaster as context."""
    return json.loads(definition.context.get_secret_value())


def context_texts(definition: PaymasterDefinition) -> Iterator[str]:
    """Yield the texts of a context that may be keys: all but addresses, which are public."""
    pending = [context_of(definition)]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending += value.values()
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, str) and not _ADDRESS.fullmatch(value):
            yield value


def _check(
    name: str, fields: PaymasterFields, tokens: Mapping[str, Token], source: Source, report: Report
) -> None:
    if name == SELF:
        message = f"{SELF!r} is the account itself"
        report.add(source.key_place(()), "payer_name_taken", message, "choose another name")
    if not fields.addresses:
        message = "no address that it may name"
        report.add(source.place(("addresses",)), "no_paymaster_address", message, "write its contract")
    if fields.max_cost > fields.max_cost_per_day:
        message = "one operation may cost more than all of a day"
        report.add(source.place(("max_cost",)), "cap_above_day", message, "lower max_cost")
    if fields.token_fee is not None:
        place = Within(source, ("token_fee",))
        for at, code, message, fix in _fee_mistakes(fields.token_fee, tokens, place, report):
            report.add(place.place((at,)), code, message, fix)


def _fee_mistakes(
    fee: TokenFeeFields, tokens: Mapping[str, Token], source: Source, report: Report
) -> Iterator[tuple[str, str, str, str]]:
    amounts = validate(_FeeAmounts, vars(fee), source, report, FieldContext(tokens))
    if len(amounts) < len(_FeeAmounts.model_fields):
        return
    token = amounts["max_fee"].token
    if token.address is None:
        yield "max_fee", "fee_not_a_token", "a token fee is paid in a token", "take token_fee: out of it"
    for field in ("max_rate", "max_fee_per_day"):
        if amounts[field].token != token:
            yield field, "fee_token_differs", f"this is not in {token.symbol}", "name one token in all three"
    if amounts["max_fee"].base_units > amounts["max_fee_per_day"].base_units:
        yield "max_fee", "cap_above_day", "one fee may be more than all of a day", "lower max_fee"


def _token_fee(fee: TokenFeeFields, tokens: Mapping[str, Token]) -> TokenFee:
    amounts = _FeeAmounts.model_validate(vars(fee), context=FieldContext(tokens))
    return TokenFee(
        amounts.max_fee.token,
        amounts.max_rate.base_units,
        amounts.max_fee.base_units,
        amounts.max_fee_per_day.base_units,
    )
