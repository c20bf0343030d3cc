"""Where a session may lend or swap: contracts that take tokens by what the account allows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from agent.devnet.defi.market import deploy_market
from agent.devnet.defi.uniswap_v3 import NO_DEADLINE
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.session import ActionData, PolicyData, Selector
from agent.domain.units import Address, Wei
from agent.smart_sessions.policies import uni_action, usage_limit
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE
from agent.smart_sessions.policies.uni_action import Condition, Rule

SUPPLY = keccak256(b"supply(address,uint256,address,uint16)")[:4]
SWAP = keccak256(b"swapExactTokensForTokens(uint256,uint256,address[],address,uint256)")[:4]
_WORD = 32


@dataclass(frozen=True, slots=True)
class Venue:
    """One function that takes USDC; `words` are its arguments, two of them left open."""

    target: Address
    selector: Selector
    words: tuple[Address | int, ...]
    amount_word: int
    recipient_word: int
    free_words: tuple[int, ...] = ()
    """Those that no rule looks at."""

    def call(self, amount: int, recipient: Address) -> Call:
        """Return the call that takes `amount` base units."""
        words = list(self.words)
        words[self.amount_word], words[self.recipient_word] = amount, recipient
        return Call(self.target, Wei(0), self.selector + b"".join(map(_word, words)))

    def amount_in(self, call: Call) -> int | None:
        """Return how much a call asks for; None for a call of something else."""
        if (call.target, call.data[:4]) != (self.target, self.selector):
            return None
        start = 4 + _WORD * self.amount_word
        return int.from_bytes(call.data[start : start + _WORD], "big")


async def set_up_venues(devnet: Devnet) -> tuple[Venue, ...]:
    """Deploy the market and return where to lend and where to swap."""
    market = await deploy_market(devnet)
    usdc, nobody = devnet.usdc, Address(bytes(20))
    swapped = (0, 0, 5 * _WORD, nobody, NO_DEADLINE, 2, usdc, market.weth)
    return (
        Venue(market.aave.pool, SUPPLY, (usdc, 0, nobody, 0), amount_word=1, recipient_word=2),
        Venue(market.v2.router, SWAP, swapped, amount_word=0, recipient_word=3, free_words=(1, 4)),
    )


def venue_actions(
    random: Random, venue: Venue, recipient: Address, taken: Sequence[Selector], usdc: Address
) -> list[ActionData]:
    """Return the actions of a session that lends or swaps for `recipient`, mostly with its approval."""
    limit = random.choice((None, None, random.randint(1, 60)))
    amount = Rule(Condition.LESS_OR_EQUAL, _WORD * venue.amount_word, _word(random.randint(1, 40)), limit)
    open_words = {venue.amount_word, venue.recipient_word, *venue.free_words}
    pins = [_pin(place, word) for place, word in enumerate(venue.words) if place not in open_words]
    rules = [amount, _pin(venue.recipient_word, recipient), *pins]
    policies = [_policy(rules)]
    if random.random() < 0.8:
        limits = usage_limit.UsageLimit(random.randint(1, 4))
        policies.append(PolicyData(usage_limit.ADDRESS, usage_limit.encode(limits)))
    actions = [ActionData(venue.selector, venue.target, tuple(policies))]
    if APPROVE not in taken and random.random() < 0.4:
        allowed = Rule(Condition.LESS_OR_EQUAL, _WORD, _word(random.randint(1, 40)), random.randint(1, 60))
        actions.append(ActionData(APPROVE, usdc, (_policy([_pin(0, venue.target), allowed]),)))
    return actions


def _policy(rules: Sequence[Rule]) -> PolicyData:
    return PolicyData(uni_action.ADDRESS, uni_action.encode(uni_action.UniAction(Wei(0), tuple(rules))))


def _pin(place: int, word: Address | int) -> Rule:
    return Rule(Condition.EQUAL, _WORD * place, _word(word))


def _word(value: Address | int) -> bytes:
    return value.rjust(_WORD, b"\0") if isinstance(value, bytes) else value.to_bytes(_WORD, "big")
