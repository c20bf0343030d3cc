"""What executed calls do, as far as this can be told without the account's own code."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.domain.call import Call
from agent.domain.units import UINT256_MAX, ZERO_ADDRESS, Address
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.policies import erc20_spending_limit
from agent.smart_sessions.policies.erc20_spending_limit import (
    APPROVE,
    INCREASE_ALLOWANCE,
    TRANSFER,
    TRANSFER_FROM,
)
from tests.differential.sessions import ACCOUNT_ID
from tests.differential.stage import QUIET, REVERTER, SINK, USDC_HELD

_SIZES = {TRANSFER: 68, APPROVE: 68, INCREASE_ALLOWANCE: 68, TRANSFER_FROM: 100}
Allowances = dict[tuple[Address, Address], int]


@dataclass
class Ledger:
    """The account's USDC and what it allows others; coin it has without end."""

    account: Address
    usdc: Address
    balance: int = USDC_HELD
    allowances: Allowances = field(default_factory=dict)
    is_certain: bool = True
    """Until something was executed that cannot be foretold."""

    def executed(self, calls: Sequence[Call] | None) -> bool | None:
        """Execute calls, all or none; tell whether they succeed, None where nobody can tell."""
        if calls is None:
            self.is_certain = False
            return None
        balance, allowances = self.balance, dict(self.allowances)
        for call in calls:
            success = self._call(call)
            if success is None:
                self.is_certain = False
                return None
            if not success:
                self.balance, self.allowances = balance, allowances
                return False
        return True

    def _call(self, call: Call) -> bool | None:
        if call.target == REVERTER:
            return False
        if call.target in (QUIET, SINK, ZERO_ADDRESS):
            return True
        if call.target == self.usdc:
            return self._token(call)
        is_view = call.target == SMART_SESSION or call.data[:4] == ACCOUNT_ID
        return True if is_view and not call.value_wei else None

    def _token(self, call: Call) -> bool | None:
        selector = call.data[:4]
        if call.value_wei or selector not in _SIZES:
            return False
        words = [call.data[start : start + 32] for start in range(4, len(call.data), 32)]
        is_plain = len(call.data) == _SIZES[selector] and not any(any(word[:12]) for word in words[:-1])
        if not (is_plain and self.is_certain):
            return None
        who = [Address(word[12:]) for word in words[:-1]]
        amount = int.from_bytes(words[-1], "big")
        match selector:
            case erc20_spending_limit.TRANSFER:
                return self._transfer(who[0], amount)
            case erc20_spending_limit.TRANSFER_FROM:
                return self._transfer_from(who[0], who[1], amount)
            case erc20_spending_limit.APPROVE:
                return self._approve(who[0], amount)
        return self._approve(who[0], self.allowances.get((self.account, who[0]), 0) + amount)

    def _transfer(self, to: Address, amount: int) -> bool:
        if amount > self.balance:
            return False
        self.balance -= 0 if to == self.account else amount
        return True

    def _transfer_from(self, owner: Address, to: Address, amount: int) -> bool:
        allowed = self.allowances.get((owner, self.account), 0)
        # Nobody but the account allows anything here, so another owner's amount is zero.
        if amount > allowed or (owner == self.account and not self._transfer(to, amount)):
            return False
        self.allowances[owner, self.account] = allowed - amount
        return True

    def _approve(self, spender: Address, amount: int) -> bool:
        if amount > UINT256_MAX:
            return False
        self.allowances[self.account, spender] = amount
        return True
