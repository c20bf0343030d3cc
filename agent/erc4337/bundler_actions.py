"""What an answer of a bundler asks for. No action chooses another nonce: each stays on the one it has."""

from dataclasses import dataclass
from enum import StrEnum

from agent.domain.units import Wei

SOON_S = 5
QUIET_S = 30
"""How long an accepted operation may stay out of sight before the same bytes are sent again."""
LATER_S = 60
MINUTES_S = 300
"""After being throttled or banned."""


SENDER_CAP = 4
"""Operations that the strictest bundlers hold of an account without stake (rundler)."""


class Part(StrEnum):
    """What of an operation has to be made anew."""

    FACTORY = "factory"
    GAS = "gas"
    PAYMASTER = "paymaster"
    CALLS = "calls"


class Scope(StrEnum):
    """What stops."""

    JOB = "job"
    BUNDLER = "bundler"
    CHAIN = "chain"


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Nothing is wrong with it: wait, then look and ask again."""

    seconds: int


@dataclass(frozen=True, slots=True)
class SameBytes:
    """Nobody knows whether it was taken: after a while the identical bytes, to this or the next bundler."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Raise:
    """Sign the same nonce with both fees raised by a tenth, and to what the bundler named where it did."""

    max_fee_per_gas_wei: Wei | None = None
    max_priority_fee_per_gas_wei: Wei | None = None


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Make this part anew and sign the same nonce again."""

    part: Part


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask the chain before anything else."""


@dataclass(frozen=True, slots=True)
class OtherBundler:
    """The fault is this bundler's: the identical bytes to the next one."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause this run until its cause is gone."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the job, this bundler or the chain until a person has looked."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Fail:
    """It can never pass as it is. A signed operation still waits for the chain to say so."""


Action = RetryAfter | SameBytes | Raise | Rebuild | LookUp | OtherBundler | Hold | Stop | Fail
