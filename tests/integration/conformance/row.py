"""A row of the conformance table: how a bundle comes about, and the revert data EntryPoint 0.7 gives."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from agent.devnet.devnet import Devnet
from agent.domain.keccak import keccak256
from agent.domain.units import Address
from agent.domain.user_operation import UserOperation
from tests.integration.scenes import Scene

Case = tuple[Sequence[UserOperation], bytes]
Prepare = Callable[[Devnet], Awaitable[Case]]


@dataclass(frozen=True, slots=True)
class Row:
    """One refusal, named for what is wrong."""

    name: str
    prepare: Prepare


class Rows(list[Row]):
    """Rows in the order they are written in."""

    def row(self, prepare: Prepare) -> Prepare:
        """Take a function as a row; its name says what is wrong."""
        self.append(Row(prepare.__name__, prepare))
        return prepare


def failed_op(reason: str, op_index: int = 0) -> bytes:
    return error("FailedOp", ["uint256", "string"], op_index, reason)


def account_reverted(inner: bytes, op_index: int = 0) -> bytes:
    types = ["uint256", "string", "bytes"]
    return error("FailedOpWithRevert", types, op_index, "AA23 reverted", inner)


def violation(scene: Scene, policy: Address, op_index: int = 0) -> bytes:
    inner = error("PolicyViolation", ["bytes32", "address"], scene.permission_id, policy)
    return account_reverted(inner, op_index)


def check_reverted(reason: bytes) -> bytes:
    """Only the first 32 bytes of what the policy reverted with come through."""
    return account_reverted(error("PolicyCheckReverted", ["bytes32"], reason[:32].ljust(32, b"\0")))


def about_session(name: str, scene: Scene) -> bytes:
    """Return an error whose one argument is the permission id."""
    return account_reverted(error(name, ["bytes32"], scene.permission_id))


def bare(name: str, op_index: int = 0) -> bytes:
    """Return an error without arguments."""
    return account_reverted(error(name, []), op_index)


def error(name: str, types: Sequence[str], *values: object) -> bytes:
    return keccak256(f"{name}({','.join(types)})".encode())[:4] + encode(types, values)
