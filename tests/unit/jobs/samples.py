"""A sample of every kind, in each of its forms, for the conformance kit and for `sessions new`."""

from agent.domain.token import Token
from agent.domain.units import Address
from jobs import KINDS
from jobs.conformance import Sample
from tests.builders import PAYEE
from tests.unit.jobs.swaps.samples import ORDER_SAMPLES

USDC = Token("USDC", Address.parse("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"), 6)
TOKENS = {"USDC": USDC}
ETHER = 10**18
LEVELS = {"of": str(PAYEE), "below": "0.05 ether", "to": "0.2 ether"}
TOKEN_LEVELS = {"of": str(PAYEE), "below": "20 USDC", "to": "100 USDC"}
BALANCE_BELOW = {"balance": {"below": "1 ether", "of": str(PAYEE)}}
CALL = {"to": "0x6666666666666666666666666666666666666666", "function": "poke(uint256,address)"}
ARGUMENTS = {"arguments": ["7", "account"]}
CAPS = {"per_day": "300 USDC", "total": "900 USDC", "actions_per_day": "4"}

SAMPLES = {
    **ORDER_SAMPLES,
    "subscription in tokens": Sample(
        KINDS["subscription"],
        {"amount": "10 USDC", "payee": str(PAYEE)},
        acts_on=(10**7, None, None, None),
        tokens=TOKENS,
    ),
    "subscription in coin": Sample(
        KINDS["subscription"], {"amount": "0.1 ether", "payee": str(PAYEE)}, acts_on=(ETHER,)
    ),
    "top-up of a balance": Sample(
        KINDS["top_up"],
        {"keep": "balance", **LEVELS},
        acts_on=(ETHER // 100, ETHER),
        fires_on=((ETHER,), (ETHER // 100,)),
    ),
    "top-up of tokens": Sample(
        KINDS["top_up"],
        {"keep": "balance", **TOKEN_LEVELS, **CAPS, "most": "50 USDC"},
        acts_on=(0, 10**9),
        fires_on=((0,),),
        tokens=TOKENS,
    ),
    "top-up of a deposit": Sample(
        KINDS["top_up"], {"keep": "deposit", **LEVELS}, acts_on=(0, ETHER), fires_on=((0,),)
    ),
    "call by schedule": Sample(KINDS["contract_call"], {**CALL, **ARGUMENTS}, acts_on=()),
    "call with coin on a balance": Sample(
        KINDS["contract_call"],
        {
            **CALL,
            **ARGUMENTS,
            "value": "0.01 ether",
            "when": BALANCE_BELOW,
            "only_if": {"balance": {"above": "2 ether"}},
            "expect": {"to": CALL["to"], "function": "poked()(bool)", "is": "true"},
            "times": "3",
            "per_day": "2",
            "value_per_day": "0.02 ether",
            "until": "2027-02-01T18:00:00Z",
        },
        acts_on=(3 * ETHER,),
        fires_on=((2 * ETHER,), (ETHER // 2,)),
    ),
    "call on an event": Sample(
        KINDS["contract_call"],
        {**CALL, **ARGUMENTS, "when": {"event": {"address": CALL["to"], "event": "Due(uint256 indexed)"}}},
        acts_on=(),
    ),
    "call without arguments": Sample(
        KINDS["contract_call"], {"to": CALL["to"], "function": "harvest()"}, acts_on=()
    ),
    "call of a token": Sample(
        KINDS["contract_call"],
        {"to": str(USDC.address), "function": "approve(address,uint256)", "arguments": [str(PAYEE), "5"]},
        acts_on=(),
    ),
    "top-up of an allowance": Sample(
        KINDS["top_up"],
        {"keep": "allowance", **TOKEN_LEVELS},
        acts_on=(0,),
        fires_on=((0,),),
        tokens=TOKENS,
    ),
}
