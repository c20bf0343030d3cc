"""What a bundler said to an operation that was sent."""

from dataclasses import dataclass

from agent.domain.units import Hash32


@dataclass(frozen=True, slots=True)
class Accepted:
    """The bundler took the operation and named the hash we computed."""

    user_op_hash: Hash32


@dataclass(frozen=True, slots=True)
class RejectedAnswer:
    """The bundler answered with an error; `rpc_code`, `message` and `data` are its own.

    Whether it refused the operation or may have taken it, only its meaning says.
    """

    rpc_code: int
    message: str
    data: object = None
    bundler: str = ""


@dataclass(frozen=True, slots=True)
class UnknownAnswer:
    """Timeout, broken answer, wrong hash: it may have been taken."""

    why: str


SendAnswer = Accepted | RejectedAnswer | UnknownAnswer
