"""Somebody with the session key who tries, round by round, whatever hurts most."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from agent.devnet.accounts import SmartAccount, sign_digest
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, Gas, Wei
from agent.domain.user_operation import PaymasterFields, UserOperation
from agent.erc4337.nonce import join_nonce
from agent.erc4337.user_op_hash import user_op_hash
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import NEXUS, nonce_key
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.addresses import NATIVE_TRANSFER_SELECTOR, PSEUDO_TARGET, SMART_SESSION
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies import arg, uni_action
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE, TRANSFER, TRANSFER_FROM
from agent.smart_sessions.policies.uni_action import Condition, Rule
from agent.smart_sessions.signature import use_signature
from agent.smart_sessions.worst_case import Allowance, WorstCase, worst_case
from tests.attack.sessions import PAYEE, PAYMASTER, SPENDER
from tests.attack.strays import strays
from tests.attack.venues import Venue

CALL_GAS, VERIFICATION_GAS = Gas(700_000), Gas(900_000)
PAID_UNUSED = (Gas(80_000), Gas(80_000), Gas(6_000_000))
"""What an operation declares as pre-verification gas is paid whether used or not."""
FEE_WEI = 2 * 10**9


PRICELESS = 10**60
"""What it is worth to do something that the session does not say at all."""


@dataclass(frozen=True)
class Attempt:
    """One operation and what it would take."""

    op: UserOperation
    damage: int
    is_stray: bool = False
    """Whether no session without a fallback action may let it pass."""


@dataclass
class Thief:
    """One session key in the wrong hands."""

    devnet: Devnet
    account: SmartAccount
    session: Session
    key: bytes = field(repr=False)
    random: Random
    purse: Address
    """The thief's own address."""
    third: Address
    """Somebody who allows the account to take of his tokens."""
    allowances: tuple[Allowance, ...] = ()
    """What the account allowed others before."""
    venues: tuple[Venue, ...] = ()
    included: int = 0
    sponsored: int = 0
    """Included operations that the paymaster paid for."""
    tried: int = 0
    taken: int = 0
    """USDC that is gone already."""

    @property
    def worst(self) -> WorstCase:
        return worst_case(self.session, self.allowances)

    @property
    def has_fallback(self) -> bool:
        """Whether calls that the session does not name may pass: such a session promises no number."""
        return any(action.action_target == PSEUDO_TARGET for action in self.session.actions)

    @property
    def lends_or_swaps(self) -> bool:
        """Whether the session names a contract that takes what the account allows it."""
        named = {(action.action_target, action.action_target_selector) for action in self.session.actions}
        return any((venue.target, venue.selector) in named for venue in self.venues)

    def attempts(self, count: int) -> list[Attempt]:
        """Return operations to try at the next nonce, a fifth of them none of the session's business."""
        self.tried += count
        others = [self._stray() for _ in range(count // 5)]
        return [*(self._attempt() for _ in range(count - len(others))), *others]

    def _attempt(self) -> Attempt:
        calls = [self._call() for _ in range(self.random.choice((1, 1, 1, 1, 2, 3)))]
        if self.random.random() < 0.15:
            calls = [calls[0]] * self.random.randint(2, 4)
        elif self.random.random() < 0.15:
            # One of each: what several actions let out adds up.
            calls = [self._call_of(action) for action in self.session.actions]
        unused = self.random.choice(PAID_UNUSED)
        fee = self.random.choice(self._fees(CALL_GAS + VERIFICATION_GAS + unused))
        damage = sum(self._amount(call) + call.value_wei for call in calls) * 10**12 + fee * unused // 10**6
        paid_by = self._payer()
        if paid_by:
            damage += sum(item.amount for item in self.allowances) * 10**12
        return Attempt(self._signed(encode_execute(calls), Wei(fee), unused, paid_by), damage)

    def _stray(self) -> Attempt:
        granted = self._call()
        call_data = self.random.choice(strays(self.devnet, self.account.address, self.session, granted))
        return Attempt(self._signed(call_data, Wei(FEE_WEI), PAID_UNUSED[0], None), PRICELESS, is_stray=True)

    def _payer(self) -> PaymasterFields | None:
        permitted = self.session.permit_erc4337_paymaster
        # Now and then without permission too: nothing of it may pass.
        if self.random.random() < (0.4 if permitted else 0.05):
            return PaymasterFields(PAYMASTER, Gas(200_000), Gas(0), b"")
        return None

    def _call(self) -> Call:
        return self._call_of(self.random.choice(self.session.actions))

    def _call_of(self, action: ActionData) -> Call:
        coin = Wei(self.random.choice((0, 0, 0, 0, 0, 0, 1, 3)))
        if action.action_target_selector == NATIVE_TRANSFER_SELECTOR:
            return Call(self.random.choice((PAYEE, PAYEE, self.purse)), Wei(self._some()), b"")
        hints = _hints(action)
        to = self._one_of(
            [Address(number.to_bytes(20, "big")) for number in hints if 2**32 < number < 2**160],
            (SPENDER, SPENDER, SPENDER, PAYEE, PAYEE, PAYMASTER, self.purse),
        )
        amount: int = self._one_of([item for item in hints if item < 2**32], ())
        words: list[Address | int] = [to, amount]
        selector, target = action.action_target_selector, action.action_target
        for venue in self.venues:
            if (venue.target, venue.selector) == (target, selector):
                return venue.call(amount, self._one_of([PAYEE], (self.purse,)))
        if target == PSEUDO_TARGET:
            selector, target = self.random.choice((TRANSFER, APPROVE)), self.devnet.usdc
        if selector == TRANSFER_FROM:
            # From a third party to the account, nothing is counted: does that make room?
            source = self.random.choice((self.account.address, self.account.address, self.third))
            words = [source, self.random.choice((to, to, self.account.address)), amount]
        return Call(target, coin, selector + b"".join(map(_word, words)))

    def _amount(self, call: Call) -> int:
        for venue in self.venues:
            found = venue.amount_in(call)
            if found is not None:
                return min(found, 10**6)
        return min(int.from_bytes(call.data[-32:], "big"), 10**6) if len(call.data) >= 68 else 0

    def _fees(self, gas: int) -> list[int]:
        """Return fees per gas: a common one, and those that burn all of the gas limit in few operations."""
        cost_wei = self.worst.gas_wei
        if cost_wei is None:
            return [FEE_WEI, 10**11]
        return [FEE_WEI, FEE_WEI, *(cost_wei // gas // count for count in (1, 2, 3))]

    def _one_of(self, hinted: list[Any], otherwise: Sequence[Any]) -> Any:  # noqa: ANN401 - a party or an amount
        if hinted and self.random.random() < 0.6:
            return self.random.choice(hinted)
        return self.random.choice(otherwise) if otherwise else self._some()

    def _some(self) -> int:
        """Return an amount, most of them at the edge of some limit."""
        return self.random.choice((*self._edges(), self.random.randint(0, 61), 1, 2**256 - 1))

    def _edges(self) -> Iterator[int]:
        for flow in self.worst.outflows:
            left = None if flow.amount is None else max(0, flow.amount - self.taken)
            for amount in (left, flow.amount, flow.at_a_time):
                if amount is not None:
                    yield from (amount, max(0, amount - 1), amount // 2, min(amount + 1, 2**256 - 1))

    def _signed(
        self, call_data: bytes, fee: Wei, unused: Gas, paid_by: PaymasterFields | None
    ) -> UserOperation:
        op = UserOperation(
            sender=self.account.address,
            nonce=join_nonce(nonce_key(NEXUS, SMART_SESSION, 0), self.included),
            call_data=call_data,
            call_gas_limit=CALL_GAS,
            verification_gas_limit=VERIFICATION_GAS,
            pre_verification_gas=unused,
            max_fee_per_gas=fee,
            # All of the fee goes to whoever sends the bundle: the thief.
            max_priority_fee_per_gas=fee,
            paymaster=paid_by,
        )
        digest = user_op_hash(op, self.devnet.entry_point, self.devnet.chain_id, EntryPointVersion.V07)
        signature = use_signature(permission_id(self.session), sign_digest(self.key, digest))
        return replace(op, signature=signature)


def _hints(action: ActionData) -> tuple[int, ...]:
    """Return what the rules of an action compare with and add up to, and its neighbours."""
    numbers: list[int] = []
    for item in action.action_policies:
        for rule in _rules(item):
            reference = int.from_bytes(rule.reference, "big")
            parts = (reference >> 128, reference % 2**128) if rule.condition is Condition.IN_RANGE else ()
            numbers += (reference, *parts, *(() if rule.limit is None else (rule.limit, rule.limit // 2)))
    near = (number + step for number in numbers for step in ((-1, 0, 0, 1) if number < 2**32 else (0,)))
    return tuple(number for number in near if number >= 0)


def _rules(item: PolicyData) -> Sequence[Rule]:
    if item.policy == uni_action.ADDRESS:
        return uni_action.decode(item.init_data).rules
    return arg.decode(item.init_data).rules if item.policy == arg.ADDRESS else ()


def _word(value: Address | int) -> bytes:
    return value.rjust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32, "big")
