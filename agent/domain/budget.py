"""What on-chain limits leave, what an operation may use of them, and why one may not go out."""

from dataclasses import dataclass

from agent.domain.units import Address, ChainId, Hash32


@dataclass(frozen=True, slots=True)
class LimitKey:
    """Names one counter on one chain; its text form is what the journal stores."""

    chain_id: ChainId
    permission_id: Hash32
    config_id: Hash32
    policy: Address
    part: str = ""
    """Which counter of the policy: a token, a rule number, gas or cost; empty when it has one."""

    def __str__(self) -> str:
        return f"{self.chain_id}/{self.permission_id}/{self.config_id}/{self.policy}/{self.part}"


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One counter as the chain has it; in the smallest unit of what it counts (`unit`)."""

    key: LimitKey
    limit: int
    used: int
    unit: str = ""
    """`token`, `wei`, `gas`, `uses` or `argument`."""

    @property
    def remaining(self) -> int:
        """What is left; zero for a limit lowered below its use."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Consumption:
    """What one operation may use of one counter at worst, with the counter as the decision saw it.

    The journal takes it only while `used` + reserved by others + `amount` <= `limit`.
    """

    limit_key: str
    amount: int
    limit: int
    used: int


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason why an operation may not go out."""

    code: str
    """Stable; listed in the documentation."""
    remedy: str
    policy: Address | None = None
    config_id: Hash32 | None = None
    part: str = ""
    asked: int | None = None
    left: int | None = None

    def __str__(self) -> str:
        rule = f" by {self.policy}" if self.policy else ""
        numbers = f": {self.asked} asked, {self.left} left" if self.asked is not None else ""
        return f"{self.code}{rule}{numbers}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Cleared:
    """Every rule has room for the operation."""

    consumption: tuple[Consumption, ...]


@dataclass(frozen=True, slots=True)
class Blocked:
    """Every rule that has none, at least one."""

    violations: tuple[Violation, ...]


Verdict = Cleared | Blocked
