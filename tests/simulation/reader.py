"""A node of the simulated chain, as the agent's port has it: late, silent, or on another fork for a while."""

from collections.abc import Callable, Sequence

from eth_abi.abi import decode

from agent.adapters.read_batch import RememberingBatch, Values, calls_of, distinct
from agent.domain.call import Call
from agent.domain.errors import ChainReverted, ChainUnavailable
from agent.domain.evaluation import Read
from agent.domain.units import Address, ChainId, Hash32, Wei
from agent.erc4337.calldata import (
    GET_NONCE,
    PACKED_TUPLE,
    VALIDATE_PAYMASTER_USER_OP,
    VALIDATE_USER_OP,
    handle_ops_call,
)
from agent.erc4337.packing import PackedUserOperation
from agent.ports import Block, BlockTag, CallFailed, Log, ReadBatch, TransactionReceipt
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.model import Model
from agent.smart_sessions.reverts import Revert
from agent.smart_sessions.state import AccountState
from jobs import erc20
from tests.simulation.chain import FEE_WEI, FINALITY_DEPTH, SimBlock, SimChain
from tests.simulation.events import ENTRY_POINT
from tests.simulation.ledger import window_end
from tests.unit.smart_sessions.chain_answers import answer

CHAIN_ID = ChainId(31337)
BALANCE_OF = erc20.balance_of(ENTRY_POINT, ENTRY_POINT).data[:4]
NATIVE_BALANCE = erc20.native_balance(ENTRY_POINT).data[:4]
PAYMASTER = Address(b"\xfa" * 20)
BUNDLER = Address(b"\xbb" * 20)


class SimReader:
    """Answers from one view of the chain; a frozen view is an old head, perhaps of a fork that is gone."""

    def __init__(self, chain: SimChain, elapsed_s: Callable[[], float]) -> None:
        self._chain = chain
        self._elapsed_s = elapsed_s
        self._frozen: list[SimBlock] | None = None
        self._frozen_until_s = 0.0
        self.chain_id = CHAIN_ID

    def _view(self) -> list[SimBlock]:
        now_s = self._elapsed_s()
        self._chain.advance(now_s)
        dice = self._chain.dice
        if dice.strikes("F36"):
            raise ChainUnavailable("the node does not answer")
        if self._frozen is not None and (now_s > self._frozen_until_s or dice.quiet):
            self._frozen = None
        if self._frozen is None and dice.strikes("F11"):
            blocks = self._chain.blocks
            self._frozen = blocks[: len(blocks) - dice.whole(0, 3)]
            self._frozen_until_s = now_s + dice.between(1, 20)
        return self._frozen if self._frozen is not None else self._chain.blocks

    def _at(self, tag: BlockTag) -> SimBlock:
        view = self._view()
        if tag == "latest":
            return view[-1]
        if tag == "finalized":
            return view[max(len(view) - 1 - FINALITY_DEPTH, 0)]
        if not isinstance(tag, int) or tag >= len(view):
            raise ChainUnavailable(f"the node has no block {tag}")
        return view[tag]

    async def remote_chain_id(self) -> ChainId:
        return CHAIN_ID

    async def block(self, tag: BlockTag) -> Block:
        return _shown(self._at(tag))

    async def finalized(self) -> Block:
        return _shown(self._at("finalized"))

    async def call(
        self,
        target: Address,
        data: bytes,
        tag: BlockTag,
        sender: Address | None = None,
        gas: int | None = None,
    ) -> bytes:
        block = self._at(tag)
        if data[:4] == VALIDATE_USER_OP and sender is not None:
            return _validated(block, target, data, sender)
        if data[:4] == VALIDATE_PAYMASTER_USER_OP:
            return _sponsored(data)
        found = _answer(block, Call(target, Wei(0), data))
        if found is None:
            raise ChainReverted(b"")
        return found

    async def calls(self, calls: Sequence[Call], tag: BlockTag) -> tuple[bytes | CallFailed, ...]:
        block = self._at(tag)
        found = [_answer(block, call) for call in calls]
        return tuple(CallFailed(b"") if item is None else item for item in found)

    def batch(self, reads: Sequence[Read]) -> ReadBatch:
        chosen = distinct(reads)

        async def values_at(block: Block) -> Values:
            shown = self._at(block.number)
            if shown.hash != block.hash:
                raise ChainUnavailable(f"the node has another block {block.number}")
            return tuple(_answer(shown, call) or None for call in calls_of(chosen))

        return RememberingBatch(chosen, values_at)

    async def code(self, address: Address, tag: BlockTag = "latest") -> bytes:
        self._at(tag)
        return b"\x01"

    async def balance(self, address: Address, tag: BlockTag = "latest") -> Wei:
        return Wei(self._at(tag).ledger.wei.get(address, 0))

    async def logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], from_block: int, to_block: int
    ) -> tuple[Log, ...]:
        view = self._view()
        if self._chain.dice.strikes("F12"):
            return ()
        found = (log for block in view[from_block : to_block + 1] for log in _logs_of(block))
        return tuple(log for log in found if log.address == address and _matches(log, topics))

    async def receipt(self, transaction_hash: Hash32) -> TransactionReceipt | None:
        for block in reversed(self._view()):
            if block.transaction_hash == transaction_hash:
                return TransactionReceipt(
                    transaction_hash, block.number, block.hash, 1, tuple(_logs_of(block))
                )
        return None

    async def transaction_input(self, transaction_hash: Hash32) -> bytes | None:
        for block in reversed(self._view()):
            if block.transaction_hash == transaction_hash:
                return handle_ops_call([landed.sent.operation for landed in block.landed], BUNDLER)
        return None

    async def priority_fee(self) -> Wei:
        self._view()
        return Wei(FEE_WEI // 10)


def _shown(block: SimBlock) -> Block:
    return Block(block.number, block.hash, block.timestamp, Wei(block.base_fee_wei), block.parent_hash)


def _logs_of(block: SimBlock) -> list[Log]:
    return [
        Log(
            item.log.address,
            item.log.topics,
            item.log.data,
            block.number,
            block.hash,
            item.transaction_hash,
            item.log_index,
        )
        for item in block.logs
    ]


def _matches(log: Log, topics: Sequence[Sequence[Hash32] | None]) -> bool:
    return len(log.topics) >= len(topics) and all(
        wanted is None or topic in wanted for topic, wanted in zip(log.topics, topics, strict=False)
    )


def _answer(block: SimBlock, call: Call) -> bytes | None:
    """Answer a view; None stands for a revert."""
    selector, ledger = call.data[:4], block.ledger
    holder = Address(call.data[16:36]) if len(call.data) >= 36 else None
    if selector == GET_NONCE and holder is not None:
        key = int.from_bytes(call.data[36:68], "big")
        return _word(key << 64 | ledger.nonces.get((holder, key), 0))
    if selector == NATIVE_BALANCE and holder is not None:
        return _word(ledger.wei.get(holder, 0))
    if selector == BALANCE_OF and holder is not None:
        return _word((ledger.usdc if call.target == ledger.token else ledger.wei).get(holder, 0))
    if call.target == ledger.token:
        return None
    return _session_answer(block, call)


def _session_answer(block: SimBlock, call: Call) -> bytes | None:
    """Ask the model of the account that the read names: it is the last or the only address in it."""
    for account, state in block.ledger.sessions.items():
        if bytes(account) in bytes(call.data):
            return answer(Model(SMART_SESSION, account, state), call)
    return None


def _validated(block: SimBlock, module: Address, data: bytes, sender: Address) -> bytes:
    fields, user_op_hash = decode([PACKED_TUPLE, "bytes32"], data[4:])
    operation = PackedUserOperation(Address(bytes.fromhex(fields[0][2:])), *fields[1:])
    model = Model(module, sender, block.ledger.sessions.get(sender, AccountState()))
    try:
        return _word(model.validate(operation, Hash32(user_op_hash), block.base_fee_wei))
    except Revert as revert:
        raise ChainReverted(revert.data) from None


def _sponsored(data: bytes) -> bytes:
    """Answer `validatePaymasterUserOp`: no context, and the window that the data names."""
    fields, _, _ = decode([PACKED_TUPLE, "bytes32", "uint256"], data[4:])
    return _word(64) + _word(window_end(fields[7][52:]) << 160) + _word(0)


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
