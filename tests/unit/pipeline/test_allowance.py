"""What an account allows the contracts of a paymaster: nothing that no service is to take by them."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from agent.domain.call import Call
from agent.domain.errors import PaymasterCap
from agent.domain.token import Token
from agent.domain.units import Address, Wei
from agent.pipeline.allowance import refuse_other_allowances
from agent.pipeline.context import JobContext, Payer
from agent.ports import Block, CallFailed
from jobs import erc20
from tests.builders import ACCOUNT, NOW, a_hash
from tests.unit.pipeline.test_token_fee import OTHER, PAYMASTER, TOKEN, a_payer, payers

BLOCK = Block(7, a_hash(7), NOW, Wei(1))
ELSEWHERE = Address(bytes(19) + b"\xcd")
Allowed = Mapping[tuple[Address, Address], int | None]
"""By token and spender; None where the token does not answer."""


class Node:
    """Answers what the account allows."""

    def __init__(self, allowed: Allowed) -> None:
        self.asked = 0
        self._answers = {
            erc20.allowance(token, ACCOUNT, spender).data: amount
            for (token, spender), amount in allowed.items()
        }
        self._targets = {token for token, _ in allowed}

    async def calls(self, calls: Sequence[Call], block: int) -> list[bytes | CallFailed]:
        assert block == BLOCK.number
        self.asked += 1
        return [self._answer(call) for call in calls]

    def _answer(self, call: Call) -> bytes | CallFailed:
        amount = self._answers.get(call.data, 0) if call.target in self._targets else 0
        return CallFailed(b"") if amount is None else amount.to_bytes(32, "big")


def a_job(allowed: Allowed, known: Mapping[str, Payer], *tokens: Address) -> JobContext:
    listed = {token: Token("FEE" if token == TOKEN else "OTHER", token, 6) for token in tokens}
    chain = SimpleNamespace(tokens=listed, payers=known, reader=Node(allowed))
    return cast(JobContext, SimpleNamespace(definition=SimpleNamespace(account=ACCOUNT), chain=chain))


@pytest.mark.parametrize("amount", [1, None])
async def test_a_service_without_a_fee_in_tokens_may_be_allowed_none(amount: int | None) -> None:
    known = payers(a_payer("gas"))
    job = a_job({(TOKEN, PAYMASTER): amount}, known, OTHER, TOKEN)

    with pytest.raises(PaymasterCap) as refused:
        await refuse_other_allowances(job, known["gas"].rules, BLOCK)

    assert (refused.value.code, refused.value.cap) == ("paymaster_allowance_unexpected", 0)
    assert "FEE" in str(refused.value)


async def test_its_own_token_has_a_cap_of_its_own_and_every_other_none() -> None:
    known = payers(a_payer("takes", TOKEN))
    rules = known["takes"].rules

    await refuse_other_allowances(a_job({(TOKEN, PAYMASTER): 10**9}, known, OTHER, TOKEN), rules, BLOCK)
    with pytest.raises(PaymasterCap):
        await refuse_other_allowances(a_job({(OTHER, PAYMASTER): 1}, known, OTHER, TOKEN), rules, BLOCK)


async def test_what_another_service_takes_by_a_shared_contract_may_be_allowed_up_to_its_cap() -> None:
    known = payers(a_payer("gas"), a_payer("takes", TOKEN))
    rules = known["gas"].rules

    await refuse_other_allowances(a_job({(TOKEN, PAYMASTER): 1}, known, TOKEN), rules, BLOCK)
    with pytest.raises(PaymasterCap) as refused:
        await refuse_other_allowances(a_job({(TOKEN, PAYMASTER): 2}, known, TOKEN), rules, BLOCK)

    assert (refused.value.asked, refused.value.cap) == (2, 1)


async def test_a_service_with_another_contract_excuses_nothing() -> None:
    known = payers(a_payer("gas"), a_payer("takes", TOKEN, contract=ELSEWHERE))
    job = a_job({(TOKEN, PAYMASTER): 1}, known, TOKEN)

    with pytest.raises(PaymasterCap):
        await refuse_other_allowances(job, known["gas"].rules, BLOCK)


async def test_without_tokens_in_the_files_nobody_is_asked() -> None:
    known = payers(a_payer("gas"))
    job = a_job({(TOKEN, PAYMASTER): 1}, known)

    await refuse_other_allowances(job, known["gas"].rules, BLOCK)

    assert cast(Node, job.chain.reader).asked == 0
