"""What a bundler's answer means for an operation that may already be on its way. Pure."""

from dataclasses import dataclass
from typing import assert_never

from agent.domain.send_answer import Accepted, RejectedAnswer, SendAnswer, UnknownAnswer
from agent.erc4337.answer_table import RPC_CODES, Phase
from agent.erc4337.bundler_actions import (
    LATER_S,
    QUIET_S,
    SOON_S,
    Action,
    Fail,
    Hold,
    LookUp,
    OtherBundler,
    Part,
    Raise,
    Rebuild,
    RetryAfter,
    SameBytes,
    Scope,
    Stop,
)
from agent.erc4337.bundler_errors import BundlerAnswer, meaning_of

__all__ = ["LATER_S", "QUIET_S", "SOON_S", "Disposition", "HoldIt", "Keep", "disposition"]


@dataclass(frozen=True, slots=True)
class Keep:
    """It may land: look at the chain, and send the same bytes again after a while."""

    resend_after_s: int
    code: str
    reason: str

    def pause_s(self, last_code: str) -> int:
        """Return how long to wait; what reverts in simulation twice in a row is given more time."""
        again = self.code == last_code and self.code.startswith(REVERTED)
        return max(self.resend_after_s, LATER_S) if again else self.resend_after_s


@dataclass(frozen=True, slots=True)
class HoldIt:
    """It will not land as it is, yet it is signed: a person decides, the chain is still watched."""

    code: str
    reason: str


REVERTED = RPC_CODES[-32521].code
"""How the codes begin of what a bundler did not take because its execution would revert now."""
Disposition = Keep | HoldIt


def disposition(answer: SendAnswer) -> Disposition:
    """Return what to do after a send. Unknown is not a failure; no answer makes a new operation."""
    if isinstance(answer, Accepted):
        return Keep(QUIET_S, "accepted", "")
    meaning = meaning_of(_read(answer), Phase.SEND)
    resend_after_s = _resend_after_s(meaning.action)
    if resend_after_s is None:
        return HoldIt(meaning.code, str(meaning))
    return Keep(resend_after_s, meaning.code, str(meaning))


def _read(answer: RejectedAnswer | UnknownAnswer) -> BundlerAnswer:
    match answer:
        case RejectedAnswer(rpc_code, message, data, bundler):
            return BundlerAnswer(rpc_code, message, data, bundler)
        case UnknownAnswer(why):
            return BundlerAnswer(None, why)
        case _:
            assert_never(answer)


def _resend_after_s(action: Action) -> int | None:
    """Return when the signed bytes go again; None when a person has to look first.

    Nothing here fails an operation that is signed: only the chain can say that it will not land.
    """
    match action:
        case RetryAfter(seconds) | SameBytes(seconds):
            return seconds
        case Raise() | Rebuild(Part.GAS) | Rebuild(Part.CALLS):
            # The bundler does not have it: at the next turn new bytes are made, see `ladder.wish`.
            return SOON_S
        case Rebuild():
            return LATER_S
        case LookUp() | OtherBundler() | Stop(Scope.BUNDLER):
            # The next turn is the next bundler's.
            return SOON_S
        case Hold() | Stop() | Fail():
            return None
        case _:
            assert_never(action)
