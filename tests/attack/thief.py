"""Somebody with the session key who tries, round by round, whatever hurts most."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from agent.devnet.accounts import SmartAccount, sign_digest
from agent.devnet.devnet import Devnet
from agent.domain.call import Call
from agent.domain.session import Session
from agent.domain.units import Address, Gas, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.nonce import join_nonce
from agent.erc4337.user_op_hash import user_op_hash
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import NEXUS, nonce_key
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.addresses import NATIVE_TRANSFER_SELECTOR, SMART_SESSION
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies.erc20_spending_limit import TRANSFER_FROM
from agent.smart_sessions.signature import use_signature
from agent.smart_sessions.worst_case import WorstCase, worst_case
from tests.attack.sessions import PAYEE, SPENDER

CALL_GAS, VERIFICATION_GAS = Gas(300_000), Gas(900_000)
PAID_UNUSED = (Gas(80_000), Gas(80_000), Gas(6_000_000))
"""What an operation declares as pre-verification gas is paid whether used or not."""
FEE_WEI = 2 * 10**9


@dataclass(frozen=True)
class Attempt:
    """One operation and what it would take."""

    op: UserOperation
    damage: int


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
    included: int = 0
    taken: int = 0
    """USDC that is gone already."""

    @property
    def worst(self) -> WorstCase:
        return worst_case(self.session)

    def attempts(self, count: int) -> list[Attempt]:
        """Return operations to try at the next nonce."""
        return [self._attempt() for _ in range(count)]

    def _attempt(self) -> Attempt:
        calls = [self._call() for _ in range(self.random.choice((1, 1, 1, 1, 2)))]
        if self.random.random() < 0.15:
            calls = [calls[0]] * self.random.randint(2, 4)
        unused = self.random.choice(PAID_UNUSED)
        fee = self.random.choice(self._fees(CALL_GAS + VERIFICATION_GAS + unused))
        damage = sum(_amount(call) + call.value_wei for call in calls) * 10**12 + fee * unused // 10**6
        return Attempt(self._signed(calls, Wei(fee), unused), damage)

    def _call(self) -> Call:
        action = self.random.choice(self.session.actions)
        coin = Wei(self.random.choice((0, 0, 0, 0, 0, 0, 1, 3)))
        if action.action_target_selector == NATIVE_TRANSFER_SELECTOR:
            return Call(self.random.choice((PAYEE, PAYEE, self.purse)), Wei(self._some()), b"")
        to = self.random.choice((SPENDER, SPENDER, SPENDER, PAYEE, PAYEE, self.purse))
        words: list[Address | int] = [to, self._some()]
        if action.action_target_selector == TRANSFER_FROM:
            words = [self.account.address, *words]
        return Call(action.action_target, coin, action.action_target_selector + b"".join(map(_word, words)))

    def _fees(self, gas: int) -> list[int]:
        """Return fees per gas: a common one, and those that burn all of the gas limit in few operations."""
        cost_wei = self.worst.gas_wei
        if cost_wei is None:
            return [FEE_WEI, 10**11]
        return [FEE_WEI, FEE_WEI, *(cost_wei // gas // count for count in (1, 2, 3))]

    def _some(self) -> int:
        """Return an amount, most of them at the edge of some limit."""
        return self.random.choice((*self._edges(), self.random.randint(0, 61), 1, 2**256 - 1))

    def _edges(self) -> Iterator[int]:
        for flow in self.worst.outflows:
            left = None if flow.amount is None else max(0, flow.amount - self.taken)
            for amount in (left, flow.amount, flow.at_a_time):
                if amount is not None:
                    yield from (amount, max(0, amount - 1), amount // 2, min(amount + 1, 2**256 - 1))

    def _signed(self, calls: list[Call], fee: Wei, unused: Gas) -> UserOperation:
        op = UserOperation(
            sender=self.account.address,
            nonce=join_nonce(nonce_key(NEXUS, SMART_SESSION, 0), self.included),
            call_data=encode_execute(calls),
            call_gas_limit=CALL_GAS,
            verification_gas_limit=VERIFICATION_GAS,
            pre_verification_gas=unused,
            max_fee_per_gas=fee,
            # All of the fee goes to whoever sends the bundle: the thief.
            max_priority_fee_per_gas=fee,
        )
        digest = user_op_hash(op, self.devnet.entry_point, self.devnet.chain_id, EntryPointVersion.V07)
        signature = use_signature(permission_id(self.session), sign_digest(self.key, digest))
        return replace(op, signature=signature)


def _amount(call: Call) -> int:
    return min(int.from_bytes(call.data[-32:], "big"), 10**6) if len(call.data) >= 68 else 0


def _word(value: Address | int) -> bytes:
    return value.rjust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32, "big")
