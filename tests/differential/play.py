"""Play a script on the model, and write down what the contracts should answer to each of its steps."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from agent.devnet.keys import DEPLOYER
from agent.domain.budget import Verdict
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32, Timestamp
from agent.erc4337.calldata import validate_user_op_call
from agent.erc4337.entry_point_errors import error_from_revert
from agent.erc4337.events import USER_OPERATION_EVENT, decode_user_operation_event
from agent.erc4337.inner_errors import inner_error
from agent.erc4337.nonce import join_nonce
from agent.erc4337.packing import PackedUserOperation
from agent.erc7579.accounts import AccountKind, nonce_key
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.grant import Counters, Grant
from agent.smart_sessions.model import Model
from agent.smart_sessions.preflight import preflight
from agent.smart_sessions.reverts import Revert
from tests.differential.counters import asking, grant_of, is_widened, modelled
from tests.differential.entry_point import Signed, handle_ops, refusal
from tests.differential.judge import Judgement, is_honest
from tests.differential.ledger import Ledger
from tests.differential.management import Managed
from tests.differential.operations import CALL_GAS, VERIFICATION_GAS, Drawn
from tests.differential.sessions import Granted
from tests.differential.simulation import Answer, Ask, Message, Turn
from tests.differential.stage import Stage
from tests.traces.checked_backend import unpacked

REVERT_REASON = keccak256(b"UserOperationRevertReason(bytes32,address,uint256,bytes)")


@dataclass(frozen=True, slots=True)
class Step:
    """One block of a script: a change of the sessions, or a bundle of operations."""

    at: Timestamp
    base_fee: int
    what: Managed | tuple[Drawn, ...]


@dataclass
class Play:
    """A script in progress: the model behind the EntryPoint, and one that is asked directly."""

    stage: Stage
    kind: AccountKind
    outcomes: Counter[str] = field(default_factory=Counter)
    through: list[Turn] = field(default_factory=list)
    direct: list[Turn] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.account = self.stage.accounts[self.kind.name].address
        self.model = Model(SMART_SESSION, self.account)
        self.direct_model = Model(SMART_SESSION, self.account)
        self.ledger = Ledger(self.account, self.stage.usdc)
        self.sequences: dict[int, int] = {}
        self.known: dict[Hash32, Granted] = {}

    def step(self, step: Step) -> None:
        """Play one step on both models."""
        if isinstance(step.what, Managed):
            self._manage(step, step.what)
        else:
            self._bundle(step, step.what)

    def _manage(self, step: Step, managed: Managed) -> None:
        for model, turns in ((self.model, self.through), (self.direct_model, self.direct)):
            expected = _managed(model, managed)
            message = Message(self.account, SMART_SESSION, managed.call_data)
            asks = [Ask((message,), partial(_wrong_data, expected, managed.name))]
            if expected is None and managed.granted is not None:
                self.known[managed.granted.permission] = managed.granted
            asks += [self._counters(granted, model) for granted in self.known.values()]
            turns.append(Turn(step.at, step.base_fee, tuple(asks)))
            if model is self.model:
                outcome = "done" if expected is None else inner_error(expected).name or "no reason"
                self.outcomes[f"{managed.name}: {outcome}"] += 1

    def _bundle(self, step: Step, bundle: tuple[Drawn, ...]) -> None:
        ops = self._signed(bundle)
        judgement = self._judgement(step, bundle)
        attempt, sequences = Model(SMART_SESSION, self.account, self.model.state.copy()), dict(self.sequences)
        refused = refusal(attempt, self.kind, ops, sequences, step.at, step.base_fee)
        succeeded: list[bool | None] = []
        if refused is None:
            self.model, self.sequences = attempt, sequences
            succeeded = [self.ledger.executed(drawn.calls) for drawn in bundle]
        message = Message(DEPLOYER.address, self.stage.entry_point, handle_ops(ops))
        check = partial(_wrong_bundle, refused, ops, succeeded)
        asks = [Ask((message,), check), *self._counters_of(bundle, self.model)]
        if judgement is not None:
            asks.append(Ask((), partial(judgement.wrong, refused, modelled(judgement.grant, self.model))))
            self.outcomes[judgement.outcome(refused)] += 1
        self.through.append(Turn(step.at, step.base_fee, tuple(asks)))
        self._count(ops, refused, succeeded)
        self._ask_directly(step, bundle, ops)

    def _ask_directly(self, step: Step, bundle: Sequence[Drawn], ops: Sequence[Signed]) -> None:
        asks = []
        for signed in ops:
            word, revert = _validated(self.direct_model, signed, step.base_fee)
            data = validate_user_op_call(signed.op, signed.user_op_hash)
            asks.append(
                Ask((Message(self.account, SMART_SESSION, data),), partial(_wrong_word, word, revert))
            )
        asks += self._counters_of(bundle, self.direct_model)
        self.direct.append(Turn(step.at, step.base_fee, tuple(asks)))

    def _signed(self, bundle: Sequence[Drawn]) -> list[Signed]:
        taken: Counter[int] = Counter()
        ops = []
        for drawn in bundle:
            key = nonce_key(self.kind, SMART_SESSION, drawn.lane)
            sequence = self.sequences.get(key, 0) + taken[key] + drawn.skips_nonces
            ops.append(_signed(self.stage, self.account, drawn, join_nonce(key, sequence)))
            taken[key] += 1
        return ops

    def verdict(self, grant: Grant, seen: Counters, drawn: Drawn, at: Timestamp) -> Verdict | None:
        """Return what the agent would say; None to what it would never have built or signed so."""
        if not is_honest(drawn):
            return None
        op = _packed(self.account, drawn, 0)
        return preflight(grant, seen, {}, unpacked(op), at)

    def _judgement(self, step: Step, bundle: Sequence[Drawn]) -> Judgement | None:
        granted = self.known.get(bundle[0].granted.permission, bundle[0].granted)
        grant = grant_of(granted, self.account, self.stage.chain_id)
        seen = modelled(grant, self.model)
        # An action that the granted session does not list has rules of its own: the preflight reads none.
        is_judged = len(bundle) == 1 and not is_widened(grant, self.model)
        verdict = self.verdict(grant, seen, bundle[0], step.at) if is_judged else None
        return None if verdict is None else Judgement(grant, seen, verdict)

    def _counters_of(self, bundle: Sequence[Drawn], model: Model) -> list[Ask]:
        permissions = dict.fromkeys(drawn.granted.permission for drawn in bundle)
        return [self._counters(self.known[item], model) for item in permissions if item in self.known]

    def _counters(self, granted: Granted, model: Model) -> Ask:
        return asking(grant_of(granted, self.account, self.stage.chain_id), model)

    def _count(self, ops: Sequence[Signed], refused: bytes | None, succeeded: Sequence[bool | None]) -> None:
        if refused is not None:
            self.outcomes[f"refused: {_name(refused)}"] += len(ops)
        for success in succeeded:
            words = {True: "succeeded", False: "reverted", None: "executed in a way of the account's own"}
            self.outcomes[f"included: {words[success]}"] += 1


def _signed(stage: Stage, account: Address, drawn: Drawn, nonce: int) -> Signed:
    op = _packed(account, drawn, nonce)
    digest = _user_op_hash(stage, op)
    if drawn.mode is None:
        return Signed(op, digest)
    permission = drawn.permission or drawn.granted.permission
    inner = drawn.signing(drawn.granted.owners, digest)
    return Signed(replace(op, signature=bytes([drawn.mode]) + permission + inner), digest)


def _packed(account: Address, drawn: Drawn, nonce: int) -> PackedUserOperation:
    maximum, priority = drawn.fees
    return PackedUserOperation(
        account,
        nonce,
        b"",
        drawn.call_data,
        VERIFICATION_GAS.to_bytes(16, "big") + CALL_GAS.to_bytes(16, "big"),
        drawn.pre_verification_gas,
        priority.to_bytes(16, "big") + maximum.to_bytes(16, "big"),
        drawn.paymaster_and_data,
        b"",
    )


def _user_op_hash(stage: Stage, op: PackedUserOperation) -> Hash32:
    """Hash as EntryPoint 0.7 does, an operation of any shape included."""
    inner = b"".join(
        (
            bytes(12) + op.sender,
            op.nonce.to_bytes(32, "big"),
            keccak256(op.init_code),
            keccak256(op.call_data),
            op.account_gas_limits,
            op.pre_verification_gas.to_bytes(32, "big"),
            op.gas_fees,
            keccak256(op.paymaster_and_data),
        )
    )
    tail = bytes(12) + stage.entry_point + stage.chain_id.to_bytes(32, "big")
    return Hash32(keccak256(keccak256(inner) + tail))


def _managed(model: Model, managed: Managed) -> bytes | None:
    try:
        with model.manage() as sessions:
            managed.apply(sessions)
    except Revert as revert:
        return revert.data
    return None


def _validated(model: Model, signed: Signed, base_fee: int) -> tuple[int, bytes | None]:
    try:
        return model.validate(signed.op, signed.user_op_hash, base_fee), None
    except Revert as revert:
        return 0, revert.data


def _wrong_data(expected: bytes | None, name: str, answers: Sequence[Answer]) -> str | None:
    (answer,) = answers
    got = None if answer.ok else answer.data
    return None if got == expected else f"{name}: the model has {_words(expected)}, the chain {_words(got)}"


def _wrong_word(word: int, revert: bytes | None, answers: Sequence[Answer]) -> str | None:
    (answer,) = answers
    expected = (True, word.to_bytes(32, "big")) if revert is None else (False, revert)
    if (answer.ok, answer.data) == expected:
        return None
    return f"validateUserOp: the model has {_words(expected[1])}, the chain {_words(answer.data)}"


def _wrong_bundle(
    refused: bytes | None, ops: Sequence[Signed], succeeded: Sequence[bool | None], answers: Sequence[Answer]
) -> str | None:
    (answer,) = answers
    got = None if answer.ok else answer.data
    if got != refused:
        return f"handleOps: the model has {_words(refused)}, the chain {_words(got)}"
    events = [
        decode_user_operation_event([Hash32(topic) for topic in topics], data)
        for topics, data in answer.logs
        if topics[:1] == (USER_OPERATION_EVENT,)
    ]
    hashes = [signed.user_op_hash for signed in ops] if refused is None else []
    if [event.user_op_hash for event in events] != hashes:
        return f"handleOps: {len(events)} operations were included, not those that were sent"
    for event, success in zip(events, succeeded, strict=True):
        if success is not None and event.success is not success:
            return f"execution: expected success={success}, the chain has {event.success}"
    return None


def _name(refused: bytes) -> str:
    error = error_from_revert(refused)
    if error is None:
        return str(inner_error(refused))
    inner = "" if error.inner is None else f": {error.inner.name or error.inner}"
    return f"{error.code} {error.text}{inner}"


def _words(data: bytes | None) -> str:
    """Say what the data mean, and what they are."""
    if data is None:
        return "success"
    return f"{error_from_revert(data) or inner_error(data)} (0x{data.hex()})"
