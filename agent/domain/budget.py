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

    @classmethod
    def parse(cls, text: str) -> "LimitKey":
        """Read what `str` made of a key; raise ValueError on anything else."""
        chain, permission, config, policy, part = text.split("/")
        return cls(
            ChainId(int(chain)),
            Hash32.from_hex(permission),
            Hash32.from_hex(config),
            Address.parse(policy),
            part,
        )


PAYMASTER = "paymaster/"
JOB = "job/"
AGENT_COUNTED = (PAYMASTER, JOB)
"""Begin the keys of limits that no contract counts: the journal keeps what was used of them."""


def counted_by_agent(limit_key: str) -> bool:
    """Say whether the agent counts the limit itself, and not the chain."""
    return limit_key.startswith(AGENT_COUNTED)


def permission_of(limit_key: str) -> Hash32 | None:
    """Return the session of a limit from the text of its key; None when it names none."""
    parts = limit_key.split("/")
    try:
        return Hash32.from_hex(parts[1])
    except (IndexError, ValueError):
        return None


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
    """One reason why an operation may not go out; all amounts are in base units."""

    code: str
    """Stable; listed in the documentation."""
    remedy: str
    policy: Address | None = None
    config_id: Hash32 | None = None
    part: str = ""
    asked: int | None = None
    left: int | None = None
    """What a counter has left, or what a rule compares with."""
    session: str = ""
    """Its name, where a job has several."""
    rule: str = ""
    """Name of the policy."""
    target: Address | None = None
    """Contract that the refused call is made to; None when the whole operation is refused."""
    selector: bytes = b""
    unit: str = ""
    """Of the amounts: `token`, `wei`, `gas`, `uses`, `time`, `address` or `argument`."""
    relation: str = ""
    """How what is asked must stand to `left`, such as `at most`; empty for a counter."""
    limit: int | None = None
    """Of a counter; with it go `used`, as the chain has it, and `reserved` by operations in flight."""
    used: int = 0
    reserved: int = 0

    def __str__(self) -> str:
        rule = f" by {self.policy}" if self.policy else ""
        numbers = f": {self.asked} asked, {self.left} left" if self.asked is not None else ""
        whose = f"{self.session}: " if self.session else ""
        return f"{whose}{self.code}{rule}{numbers}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Cleared:
    """Every rule has room for the operation."""

    consumption: tuple[Consumption, ...]


@dataclass(frozen=True, slots=True)
class Blocked:
    """Every rule that has none, at least one."""

    violations: tuple[Violation, ...]


Verdict = Cleared | Blocked
"""What a preflight answers."""
