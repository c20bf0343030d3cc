"""The metrics show how much of its day each paymaster has used."""

from dataclasses import replace

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.json_rpc import JsonRpc
from agent.adapters.paymaster_rpc import PaymasterRpc
from agent.domain.paymaster import PaymasterKey, PaymasterRules, TokenFee
from agent.domain.token import Token
from agent.domain.units import Gas, Wei
from agent.erc4337.version import EntryPointVersion
from agent.pipeline.context import ChainContext, Payer
from agent.telemetry.metrics import Metrics
from agent.worker.paymaster_gauges import observe_paymasters
from jobs.erc20 import MULTICALL3
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, PAYEE

DAY, DAY_BEFORE = "2026-03-02", "2026-03-01"
RULES = PaymasterRules("sponsor", CHAIN_ID, (PAYEE,), Wei(1), Wei(100), Gas(1), Gas(1))
FEE = replace(RULES, name="usdc", token_fee=TokenFee(Token("USDC", PAYEE, 6), 1, 1, 50))


def a_chain() -> ChainContext:
    rpc, version = JsonRpc("http://127.0.0.1:1"), EntryPointVersion.V07
    payers = {
        rules.name: Payer(rules, PaymasterRpc(rules.name, rpc, CHAIN_ID, version, {}))
        for rules in (RULES, FEE)
    }
    reader = ChainRpc(CHAIN_ID, [rpc], multicall=MULTICALL3)
    return ChainContext(reader, (), ENTRY_POINT, version, payers=payers)


def lines(metrics: Metrics) -> set[str]:
    """Return the paymasters' samples, without what all have in common."""
    prefix = "sessionkeeper_paymaster_day_"
    page = metrics.render().decode().splitlines()
    return {line.removeprefix(prefix) for line in page if line.startswith(prefix)}


def test_the_day_of_each_paymaster_and_of_each_account_it_takes_tokens_from() -> None:
    metrics, chain = Metrics("1", "live"), a_chain()
    gas, fee = PaymasterKey(CHAIN_ID, "sponsor", DAY), PaymasterKey(CHAIN_ID, "usdc", DAY, PAYEE, ACCOUNT)
    old = str(replace(gas, day=DAY_BEFORE))
    observe_paymasters(metrics, chain, DAY, {str(gas): 30, old: 9, str(fee): 7}, {str(gas): 5, "usdc": 1})
    wei = 'account="",chain="31337",paymaster="sponsor",unit="wei"'
    usdc = f'account="{ACCOUNT}",chain="31337",paymaster="usdc",unit="USDC"'
    assert lines(metrics) >= {
        f"limit{{{wei}}} 100.0",
        f"used{{{wei}}} 30.0",
        f"reserved{{{wei}}} 5.0",
        f"limit{{{usdc}}} 50.0",
        f"used{{{usdc}}} 7.0",
        f"reserved{{{usdc}}} 0.0",
    }


def test_the_next_day_begins_with_nothing_used() -> None:
    metrics, chain = Metrics("1", "live"), a_chain()
    fee = str(PaymasterKey(CHAIN_ID, "usdc", DAY_BEFORE, PAYEE, ACCOUNT))
    observe_paymasters(metrics, chain, DAY_BEFORE, {fee: 7}, {})
    observe_paymasters(metrics, chain, DAY, {fee: 7}, {})
    assert not [line for line in lines(metrics) if "USDC" in line]
    assert 'used{account="",chain="31337",paymaster="sponsor",unit="wei"} 0.0' in lines(metrics)
