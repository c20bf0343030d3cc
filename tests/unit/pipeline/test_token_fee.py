"""What a paymaster took in tokens is read from the logs of the bundle, never from its own word."""

from dataclasses import replace
from typing import cast

import pytest

from agent.domain.paymaster import PaymasterRules, TokenFee
from agent.domain.token import Token
from agent.domain.units import Address, Gas, Hash32, Wei
from agent.domain.user_operation import PaymasterFields
from agent.erc4337.events import USER_OPERATION_EVENT
from agent.pipeline.context import Payer
from agent.pipeline.token_fee import BEFORE_EXECUTION, fee_token, may_take, with_fee
from agent.ports import Log, Paymaster, TransactionReceipt
from jobs import erc20
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, PAYEE, a_hash, a_user_operation, an_inclusion

PAYMASTER = Address(bytes(19) + b"\xcc")
TOKEN = Address(bytes(19) + b"\xee")
OPERATION = replace(a_user_operation(), paymaster=PaymasterFields(PAYMASTER, Gas(1), Gas(1), b""))
SEEN = an_inclusion()


def log(address: Address, *topics: Hash32, data: bytes = b"") -> Log:
    return Log(address, topics, data, 110, SEEN.block_hash, SEEN.transaction_hash, 0)


def moved(amount: int, source: Address = ACCOUNT, to: Address = PAYMASTER, token: Address = TOKEN) -> Log:
    ends = (Hash32(erc20.word(source)), Hash32(erc20.word(to)))
    return log(token, Hash32(erc20.TRANSFER_EVENT), *ends, data=amount.to_bytes(32, "big"))


BEFORE = log(ENTRY_POINT, BEFORE_EXECUTION)
OTHERS_END = log(ENTRY_POINT, USER_OPERATION_EVENT, a_hash(5))
END = log(ENTRY_POINT, USER_OPERATION_EVENT, SEEN.user_op_hash)


def fee(*logs: Log, block: Hash32 = SEEN.block_hash) -> int | None:
    receipt = TransactionReceipt(SEEN.transaction_hash, 110, block, 1, logs)
    return with_fee(SEEN, OPERATION, TOKEN, receipt, ENTRY_POINT).paymaster_fee


def test_what_went_to_the_paymaster_is_the_fee() -> None:
    payment, other = moved(1_000, to=PAYEE), moved(9, token=PAYEE)
    assert fee(BEFORE, payment, other, moved(7), END) == 7


def test_what_was_taken_in_advance_counts_less_what_came_back() -> None:
    assert fee(moved(20), BEFORE, moved(5, PAYMASTER, ACCOUNT), END) == 15


def test_the_fee_of_another_operation_in_the_bundle_is_its_own() -> None:
    assert fee(BEFORE, moved(100), OTHERS_END, moved(7), END, moved(50)) == 7


def test_nothing_seen_leaves_the_worst_case() -> None:
    assert fee(BEFORE, moved(1_000, to=PAYEE), END) is None


def test_a_receipt_of_another_block_says_nothing() -> None:
    assert fee(BEFORE, moved(7), END, block=a_hash(9)) is None
    assert with_fee(SEEN, OPERATION, TOKEN, None, ENTRY_POINT).paymaster_fee is None


def a_payer(name: str, token: Address | None = None, contract: Address = PAYMASTER) -> Payer:
    """Return a service with this contract, which takes a token where one is named."""
    fee = None if token is None else TokenFee(Token("FEE", token, 6), 1, 1, 1)
    rules = PaymasterRules(name, CHAIN_ID, (contract,), Wei(1), Wei(1), Gas(1), Gas(1), fee)
    return Payer(rules, cast(Paymaster, None))


def payers(*of: Payer) -> dict[str, Payer]:
    return {payer.rules.name: payer for payer in of}


OTHER = Address(bytes(19) + b"\xef")
SHARED = payers(a_payer("c", OTHER), a_payer("b", TOKEN), a_payer("a"), a_payer("0", OTHER, contract=PAYEE))


@pytest.mark.parametrize(
    ("paid_by", "token"),
    [("a", None), ("b", TOKEN), ("c", OTHER), ("", TOKEN), ("gone", TOKEN), ("0", TOKEN)],
)
def test_of_services_that_share_a_contract_the_one_that_pays_takes_its_token(
    paid_by: str, token: Address | None
) -> None:
    named = may_take(SHARED, OPERATION)

    assert named == ("a", "b", "c")
    assert fee_token(SHARED, named, paid_by) == token


def test_where_no_service_takes_tokens_none_is_looked_for() -> None:
    assert may_take(payers(a_payer("a")), OPERATION) == ()
    assert may_take(SHARED, a_user_operation()) == ()
    assert fee_token(SHARED, (), "b") is None
