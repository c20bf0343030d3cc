"""What every policy answers: its encoding, its exact check, its counters and where to read them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from agent.domain.units import Address, Hash32
from agent.erc4337.packing import PackedUserOperation
from agent.smart_sessions.execution_shape import Frame

MAX_UINT48 = 2**48 - 1

GRANT_MORE = "ask the owner to grant more: sessions new"
"""The remedy of every limit that is used up."""

NEW_SESSION = "ask the owner for a new session: sessions new"
MALFORMED = "the call is not encoded as the contracts read it: report it to the author of the job kind"
"""The remedy of call data that nobody should have built."""

POLICY_NOT_INITIALIZED = bytes.fromhex("6d3a33ce")


class Use(StrEnum):
    """The lists of a session that a policy can stand in."""

    USER_OP = "user_op"
    ACTION = "action"
    ERC1271 = "erc1271"


@dataclass(frozen=True, slots=True)
class Slot:
    """One configuration of one policy: the three first arguments of all its views."""

    config_id: Hash32
    smart_session: Address
    account: Address

    def not_initialized(self) -> bytes:
        """Return the revert data PolicyNotInitialized(configId, multiplexer, account)."""
        return POLICY_NOT_INITIALIZED + self.words()

    def words(self) -> bytes:
        """Return the three arguments, ABI-encoded."""
        return self.config_id + bytes(12) + self.smart_session + bytes(12) + self.account


@dataclass(frozen=True, slots=True)
class ActionCall:
    """One execution as a policy on its action sees it."""

    account: Address
    target: Address
    value: int
    data: bytes


@dataclass(frozen=True, slots=True)
class OperationFacts:
    """A whole operation as a policy on operations sees it."""

    op: PackedUserOperation
    frame: Frame
    base_fee: int


@dataclass(frozen=True, slots=True)
class Window:
    """First and last second in which the EntryPoint takes the operation."""

    valid_after: int = 0
    valid_until: int = MAX_UINT48

    def within(self, other: "Window") -> "Window":
        """Return the common part, which may be empty: the contract does not care."""
        return Window(max(self.valid_after, other.valid_after), min(self.valid_until, other.valid_until))


ALWAYS = Window()


@dataclass(frozen=True, slots=True)
class Part:
    """One counter of a policy; `unit` is `token`, `wei`, `gas`, `uses` or `argument`."""

    name: str
    limit: int
    used: int
    unit: str

    @property
    def left(self) -> int:
        """What remains; zero when use is above the limit."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Charge:
    """What a check takes from one counter."""

    part: str
    amount: int


@dataclass(frozen=True, slots=True)
class Allowed:
    """The policy agrees; its state moves to `state`."""

    state: Any
    charges: tuple[Charge, ...] = ()
    window: Window = ALWAYS


@dataclass(frozen=True, slots=True)
class Refused:
    """The policy says no, by its answer or, with `revert`, by reverting."""

    code: str
    remedy: str
    part: str = ""
    asked: int | None = None
    left: int | None = None
    revert: bytes | None = None
    further: tuple["Refused", ...] = ()
    """What the policy would refuse next if this were mended."""
    relation: str = ""
    """How what is asked must stand to `left`, where the two are compared."""
    offset: int | None = None
    """Of the argument that a rule looks at."""


Answer = Allowed | Refused


@dataclass(frozen=True, slots=True)
class View:
    """A read of a policy contract."""

    target: Address
    data: bytes


def first_of(refusals: Sequence[Refused]) -> Refused:
    """Answer with the first refusal, as the contract does, and carry the others along."""
    return replace(refusals[0], further=tuple(refusals[1:]))


class Policy:
    """One deployed policy contract. A state is None until the policy is initialized.

    The defaults are those of a policy that keeps no counter and guards nothing.
    """

    name: str
    uses: frozenset[Use]

    def __init__(self, address: Address) -> None:
        self.address = address

    def initialized(self, slot: Slot, init_data: bytes, previous: Any) -> Any:
        """Return the state after `initializeWithMultiplexer`; raise Revert with what the contract answers."""
        raise NotImplementedError

    def check_user_op(self, slot: Slot, state: Any, facts: OperationFacts) -> Answer:
        """Answer as `checkUserOpPolicy` does."""
        return self._misplaced(Use.USER_OP)

    def check_action(self, slot: Slot, state: Any, call: ActionCall) -> Answer:
        """Answer as `checkAction` does."""
        return self._misplaced(Use.ACTION)

    def parts(self, state: Any) -> tuple[Part, ...]:
        """Return every counter with its limit."""
        return ()

    def charged(self, state: Any, charge: Charge) -> Any:
        """Return the state as if that much more had been used."""
        return state

    def views(self, slot: Slot, init_data: bytes) -> tuple[View, ...]:
        """Return the reads that tell the state; none when the init data tells it."""
        return ()

    def state_from(self, slot: Slot, init_data: bytes, answers: Sequence[bytes | None]) -> Any:
        """Return the state that those reads tell; raise ValueError when they do not decode."""
        return self.initialized(slot, init_data, None)

    def candidates(self, members: Sequence[Address]) -> bytes:
        """Return init data that has `views` ask about these addresses; empty where views need no asking."""
        return b""

    def init_data(self, state: Any) -> bytes:
        """Return the init data that makes this configuration with nothing used."""
        return b""

    def widens(self, granted: Any, found: Any) -> bool:
        """Say whether the found configuration lets more through than the granted one; in doubt, yes."""
        return self.init_data(granted) != self.init_data(found)

    def _misplaced(self, use: Use) -> Refused:
        # The contract has no function for it, and no such list could have been enabled.
        return Refused("policy_misplaced", f"{self.name} cannot guard this list: {NEW_SESSION}", revert=b"")


def words_of(answer: bytes | None, count: int) -> tuple[int, ...]:
    """Read `count` words of a view's answer; raise ValueError when it is shorter, or failed (None)."""
    if answer is None or len(answer) < 32 * count:
        raise ValueError(f"view answered {len(answer or b'')} bytes, not {32 * count}")
    return tuple(int.from_bytes(answer[32 * i : 32 * i + 32], "big") for i in range(count))
