"""What an ERC-20 paymaster may take from an account: no session policy counts it, so the agent does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.domain.budget import Consumption
from agent.domain.call import Call
from agent.domain.errors import PaymasterCap, PaymasterRejected
from agent.domain.paymaster import PaymasterKey, PaymasterRules, TokenFee
from agent.domain.units import Address, Wei
from agent.pipeline.context import JobContext, Payer
from agent.ports import Block, CallFailed
from jobs import erc20

ALLOWED = "allowance/"
"""Begins the limit key of what an account allows a paymaster to take; the chain counts it."""
UINT256_MAX = 2**256 - 1
_APPROVE_MORE = "the owner approves more of the token to the paymaster, and sees that the account has it"
_APPROVE_LESS = (
    "the owner approves no more than `max_fee_per_day` to all `addresses` together: whoever runs the "
    "paymaster can take all of it"
)
_APPROVE_NONE = (
    "the owner sets that allowance to zero: whoever runs the paymaster can take all of it; or write what it "
    "may take: `token_fee`"
)


@dataclass(frozen=True, slots=True)
class Books:
    """What was spent of the limits that the agent counts, and the UTC day that counts."""

    day: str
    spent: Mapping[str, int]

    def consumption(self, key: PaymasterKey, amount: int, limit: int) -> Consumption:
        """Return what an operation may use of one of them."""
        return Consumption(str(key), amount, limit, self.spent.get(str(key), 0))


async def fee_consumption(
    job: JobContext,
    rules: PaymasterRules,
    fee: TokenFee,
    paymaster: Address,
    cost_wei: Wei,
    books: Books,
    block: Block,
) -> list[Consumption]:
    """Return what the fee may use of the day's cap and of the allowance, worst case.

    Raises PaymasterCap when the account allows too much, or has or allows too little; ChainUnavailable.
    """
    account, token = job.definition.account, fee.token.address
    if token is None:
        raise PaymasterRejected(rules.name, "paymaster_token", f"{fee.token.symbol} has no contract")
    worst = fee.worst(cost_wei)
    allowances, balance = await _read(job, token, rules.addresses, block)
    allowed = allowances[paymaster]
    what = f"base units of {fee.token.symbol}"
    _refuse_too_much(rules, fee, sum(allowances.values()), what)
    for code, words, there in (
        ("paymaster_allowance_short", f"the account's allowance, {what}", allowed),
        ("paymaster_balance_short", f"the account's balance, {what}", balance),
    ):
        if worst > there:
            raise PaymasterCap(rules.name, code, words, worst, there, _APPROVE_MORE)
    key = PaymasterKey(rules.chain_id, rules.name, books.day, token, account)
    allowance_key = f"{ALLOWED}{rules.chain_id}/{account}/{token}/{paymaster}"
    return [
        books.consumption(key, worst, fee.max_fee_per_day),
        Consumption(allowance_key, worst, allowed, 0),
    ]


async def refuse_other_allowances(job: JobContext, rules: PaymasterRules, block: Block) -> None:
    """Refuse a service whose contracts may take tokens that no service is to take by them.

    Looked at are the chain's tokens in the files, but for the one of its own fee. Raises PaymasterCap,
    ChainUnavailable.
    """
    own = None if rules.token_fee is None else rules.token_fee.token.address
    tokens = [token for token in job.chain.tokens if token != own]
    if not tokens:
        return
    account = job.definition.account
    reads = [erc20.allowance(token, account, spender) for token in tokens for spender in rules.addresses]
    calls = [Call(read.target, Wei(0), read.data) for read in reads]
    allowed = dict.fromkeys(tokens, 0)
    for read, answer in zip(reads, await job.chain.reader.calls(calls, block.number), strict=True):
        allowed[read.target] += _allowance(answer)
    for token, amount in allowed.items():
        expected = _expected(job.chain.payers.values(), rules, token)
        if amount > expected:
            what = f"the account's allowance to its contracts, base units of {job.chain.tokens[token].symbol}"
            code = "paymaster_allowance_unexpected"
            raise PaymasterCap(rules.name, code, what, amount, expected, _APPROVE_NONE)


def _expected(payers: Iterable[Payer], rules: PaymasterRules, token: Address) -> int:
    """Return what an account may allow the contracts of a service for one that shares them."""
    fees = (
        payer.rules.token_fee
        for payer in payers
        if not set(payer.rules.addresses).isdisjoint(rules.addresses)
    )
    return max((fee.max_fee_per_day for fee in fees if fee and fee.token.address == token), default=0)


def _refuse_too_much(rules: PaymasterRules, fee: TokenFee, allowed: int, what: str) -> None:
    # Whoever runs it may take by each of its contracts, whichever it names.
    if allowed > fee.max_fee_per_day:
        raise PaymasterCap(
            rules.name,
            "paymaster_allowance_too_large",
            f"the account's allowance to all its contracts, {what}",
            allowed,
            fee.max_fee_per_day,
            _APPROVE_LESS,
        )


async def _read(
    job: JobContext, token: Address, spenders: Iterable[Address], block: Block
) -> tuple[Mapping[Address, int], int]:
    """Return what the account allows each of these, and what it has."""
    account = job.definition.account
    reads = {spender: erc20.allowance(token, account, spender) for spender in spenders}
    asked = [*reads.values(), erc20.balance_of(token, account)]
    calls = [Call(read.target, Wei(0), read.data) for read in asked]
    *allowed, balance = await job.chain.reader.calls(calls, block.number)
    return dict(zip(reads, map(_allowance, allowed), strict=True)), _number(balance)


def _allowance(answer: bytes | CallFailed) -> int:
    # What nobody can read may be all there is.
    return UINT256_MAX if isinstance(answer, CallFailed) else _number(answer)


def _number(answer: bytes | CallFailed) -> int:
    return 0 if isinstance(answer, CallFailed) else int.from_bytes(answer[:32], "big")
