"""Show how much of its day each paymaster has used, in wei and in the tokens that it takes."""

from collections.abc import Iterator, Mapping

from agent.domain.budget import PAYMASTER
from agent.domain.paymaster import PaymasterKey, PaymasterRules
from agent.pipeline.context import ChainContext
from agent.telemetry.metrics import Metrics


def observe_paymasters(
    metrics: Metrics, chain: ChainContext, day: str, spent: Mapping[str, int], reserved: Mapping[str, int]
) -> None:
    """Note what the journal counts for the paymasters of a chain on one UTC day."""
    found = list(_today(chain, day, {*spent, *reserved}))
    metrics.paymasters_observed(
        str(chain.reader.chain_id),
        [
            (_labels(key, rules), limit, spent.get(str(key), 0), reserved.get(str(key), 0))
            for key, rules, limit in found
        ],
    )


def _today(
    chain: ChainContext, day: str, limit_keys: set[str]
) -> Iterator[tuple[PaymasterKey, PaymasterRules, int]]:
    rules = {name: payer.rules for name, payer in chain.payers.items()}
    for name, mine in rules.items():
        yield PaymasterKey(mine.chain_id, name, day), mine, mine.max_cost_per_day_wei
    for text in sorted(key for key in limit_keys if key.startswith(PAYMASTER)):
        key = PaymasterKey.parse(text)
        of = rules.get(key.paymaster)
        if of is None or of.token_fee is None or key.token is None:
            continue
        if (key.chain_id, key.day) == (chain.reader.chain_id, day):
            yield key, of, of.token_fee.max_fee_per_day


def _labels(key: PaymasterKey, rules: PaymasterRules) -> tuple[str, str, str]:
    if key.token is None or rules.token_fee is None:
        return key.paymaster, "wei", ""
    return key.paymaster, rules.token_fee.token.symbol, str(key.account)
