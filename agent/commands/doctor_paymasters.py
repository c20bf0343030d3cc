"""The doctor looks at the paymasters of a chain: their contracts, and what these can still pay."""

from agent.commands.finding import Finding, fail, ok, warn
from agent.domain.errors import AgentError
from agent.domain.token import decimal_text
from agent.domain.units import Address
from agent.erc4337.calldata import deposit_call
from agent.pipeline.context import ChainContext, Payer

COIN_DECIMALS = 18


async def examine_paymasters(name: str, chain: ChainContext) -> tuple[Finding, ...]:
    """Return a finding for each contract that a paymaster may name; its service is asked nothing."""
    return tuple(
        [
            await _contract(f"{name} paymaster {paymaster}", chain, payer, address)
            for paymaster, payer in chain.payers.items()
            for address in payer.rules.addresses
        ]
    )


async def _contract(what: str, chain: ChainContext, payer: Payer, address: Address) -> Finding:
    try:
        code = await chain.reader.code(address)
        word = await chain.reader.call(chain.entry_point, deposit_call(address), "latest")
    except AgentError as error:
        return fail(what, f"{address}: {error}", "see the findings of its chain")
    if not code:
        return fail(what, f"{address} has no code", "correct its `addresses:`")
    deposit_wei = int.from_bytes(word[:32], "big")
    message = f"{address} has a deposit of {decimal_text(deposit_wei, COIN_DECIMALS)} ether"
    if deposit_wei < payer.rules.max_cost_wei:
        remedy = "ask whoever runs it; until then the next of `pay_gas_by` pays"
        return warn(what, f"{message}, less than its `max_cost`", remedy)
    return ok(what, message)
