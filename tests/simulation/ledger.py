"""What the chain keeps: nonces, sessions, money. It includes an operation as EntryPoint 0.7 does."""

from dataclasses import dataclass, field

from agent.domain.operation import JournaledOperation
from agent.domain.units import ZERO_ADDRESS, Address, Hash32, Timestamp
from agent.domain.user_operation import UserOperation
from agent.erc4337.packing import packed
from agent.smart_sessions.model import SIGNATURE_FAILED, Model
from agent.smart_sessions.reverts import Revert
from agent.smart_sessions.state import AccountState
from tests.simulation.events import ChainLog, transfer_log, user_operation_log

GAS_USED_PERCENT = 70
SEQUENCE = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Sent:
    """An operation as a bundler has it."""

    operation: UserOperation
    user_op_hash: Hash32

    @classmethod
    def of(cls, journaled: JournaledOperation) -> "Sent":
        """Forget what only the agent knows of it."""
        return cls(journaled.operation, journaled.user_op_hash)

    @property
    def lane(self) -> tuple[Address, int]:
        """Whose sequence it takes."""
        return self.operation.sender, self.operation.nonce >> 64

    @property
    def sequence(self) -> int:
        """Its place in the lane."""
        return self.operation.nonce & SEQUENCE


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the EntryPoint would not include it, in its words."""

    words: str


@dataclass(frozen=True, slots=True)
class Landed:
    """An operation in a block."""

    sent: Sent
    success: bool
    cost_wei: int
    logs: tuple[ChainLog, ...]


@dataclass(slots=True)
class Ledger:
    """The state behind one block; states of sessions are values and shared between copies."""

    token: Address
    nonces: dict[tuple[Address, int], int] = field(default_factory=dict)
    sessions: dict[Address, AccountState] = field(default_factory=dict)
    usdc: dict[Address, int] = field(default_factory=dict)
    wei: dict[Address, int] = field(default_factory=dict)

    def copy(self) -> "Ledger":
        """Return one that changes on its own."""
        return Ledger(self.token, dict(self.nonces), dict(self.sessions), dict(self.usdc), dict(self.wei))

    def refusal(self, sent: Sent, base_fee_wei: int, at: Timestamp) -> Refusal | None:
        """Say why the operation cannot be included now; None when it can."""
        return self._validated(sent, base_fee_wei, at)[0]

    def include(self, sent: Sent, base_fee_wei: int, at: Timestamp, *, reverts: bool) -> Landed | Refusal:
        """Carry it out; a refused one changes nothing, one that reverts has used its limits."""
        refused, state = self._validated(sent, base_fee_wei, at)
        if refused is not None:
            return refused
        operation = sent.operation
        self.sessions[operation.sender] = state
        self.nonces[sent.lane] = sent.sequence + 1
        price = min(operation.max_fee_per_gas, base_fee_wei + operation.max_priority_fee_per_gas)
        cost_wei = gas_of(operation) * GAS_USED_PERCENT // 100 * price
        self.wei[payer_of(operation)] -= cost_wei
        transfers = [] if reverts else self._execute(operation)
        success = transfers is not None and not reverts
        return Landed(
            sent, success, cost_wei, (*(transfers or ()), user_operation_log(sent, cost_wei, success))
        )

    def skip(self, lane: tuple[Address, int]) -> None:
        """Use a sequence as the account's owner may (`incrementNonce`)."""
        self.nonces[lane] = self.nonces.get(lane, 0) + 1

    def _validated(self, sent: Sent, base_fee_wei: int, at: Timestamp) -> tuple[Refusal | None, AccountState]:
        operation = sent.operation
        before = self.sessions.get(operation.sender, AccountState())
        words = self._unpaid(sent, base_fee_wei, at)
        if words:
            return Refusal(words), before
        model = Model(module_of(operation), operation.sender, before)
        try:
            word = model.validate(packed(operation), sent.user_op_hash, base_fee_wei)
        except Revert as revert:
            return Refusal(f"AA23 reverted 0x{revert.data.hex()}"), before
        if word == SIGNATURE_FAILED:
            return Refusal("AA24 signature error"), before
        until, after = word >> 160 & (2**48 - 1), word >> 208
        if after > at or (until and until < at):
            return Refusal("AA22 expired or not due"), before
        return None, model.state

    def _unpaid(self, sent: Sent, base_fee_wei: int, at: Timestamp) -> str:
        """Say what is wrong with nonce, fees or whoever pays; nothing when all is well."""
        operation, payer = sent.operation, sent.operation.paymaster
        if self.nonces.get(sent.lane, 0) != sent.sequence:
            return "AA25 invalid account nonce"
        if self.wei.get(payer_of(operation), 0) < gas_of(operation) * operation.max_fee_per_gas:
            return "AA31 paymaster deposit too low" if payer else "AA21 didn't pay prefund"
        if payer and window_end(payer.paymaster_data) < at:
            return "AA32 paymaster expired or not due"
        return "maxFeePerGas is too low" if operation.max_fee_per_gas < base_fee_wei else ""

    def _execute(self, operation: UserOperation) -> list[ChainLog] | None:
        """Move the money of a single ERC-20 transfer; None when the account has not enough."""
        data = operation.call_data[100:]
        target, call = Address(data[:20]), data[52:]
        if target != self.token or len(call) < 68:
            return None
        payee, amount = Address(call[16:36]), int.from_bytes(call[36:68], "big")
        sender = operation.sender
        if self.usdc.get(sender, 0) < amount:
            return None
        self.usdc[sender] -= amount
        self.usdc[payee] = self.usdc.get(payee, 0) + amount
        return [transfer_log(self.token, sender, payee, amount)]


def gas_of(operation: UserOperation) -> int:
    """Return all declared gas."""
    own = operation.call_gas_limit + operation.verification_gas_limit + operation.pre_verification_gas
    payer = operation.paymaster
    return own if payer is None else own + payer.paymaster_verification_gas_limit


def payer_of(operation: UserOperation) -> Address:
    """Return who pays for the gas."""
    return operation.paymaster.paymaster if operation.paymaster else operation.sender


def window_end(paymaster_data: bytes) -> int:
    """Return until when the paymaster of the simulation pays."""
    return int.from_bytes(paymaster_data[:6], "big")


def module_of(operation: UserOperation) -> Address:
    """Return the validator that the nonce names: on the reference account it stands before the lane."""
    key = operation.nonce >> 64
    return Address((key >> 32 & (2**160 - 1)).to_bytes(20, "big")) if key else ZERO_ADDRESS
