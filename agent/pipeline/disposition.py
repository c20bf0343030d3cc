"""What a bundler's answer means for an operation that may already be on its way. Pure."""

from dataclasses import dataclass

from agent.erc4337.aa_codes import Action
from agent.erc4337.entry_point_errors import EntryPointError, error_from_message
from agent.ports import Accepted, RejectedAnswer, SendAnswer

QUIET_S = 30
"""How long an accepted operation may stay out of sight before the same bytes are sent again."""
SOON_S = 5
LATER_S = 60

_KNOWN_TEXTS = ("already known", "already present in mempool", "already being processed")
_RESEND_AFTER_S = {
    Action.SAME: LATER_S,
    Action.WAIT: LATER_S,
    Action.BUMP: LATER_S,
    Action.RECONCILE: SOON_S,
    Action.OTHER_BUNDLER: SOON_S,
}


@dataclass(frozen=True, slots=True)
class Keep:
    """It may land: look at the chain, and send the same bytes again after a while."""

    resend_after_s: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class HoldIt:
    """It will not land as it is, yet it is signed: a person decides, the chain is still watched."""

    code: str
    reason: str


Disposition = Keep | HoldIt


def disposition(answer: SendAnswer) -> Disposition:
    """Return what to do after a send. Unknown is not a failure; no answer makes a new operation."""
    if isinstance(answer, Accepted):
        return Keep(QUIET_S, "accepted", "")
    if isinstance(answer, RejectedAnswer):
        return _rejected(answer)
    return Keep(SOON_S, "unknown", answer.why)


def _rejected(answer: RejectedAnswer) -> Disposition:
    text = answer.message.lower()
    if any(known in text for known in _KNOWN_TEXTS):
        return Keep(QUIET_S, "already_known", answer.message)
    error = error_from_message(answer.message)
    if error is None:
        return HoldIt("bundler_rejected", f"{answer.rpc_code}: {answer.message}")
    if error.code == "AA21":
        return Keep(LATER_S, "low_gas_funds", f"the account cannot pay for gas: {error}")
    resend_after_s = _RESEND_AFTER_S.get(error.action)
    if resend_after_s is not None:
        return Keep(resend_after_s, _code(error), str(error))
    return HoldIt(_code(error), str(error))


def _code(error: EntryPointError) -> str:
    inner = error.inner.name if error.inner is not None and error.inner.name else ""
    return f"{error.code} {inner}".strip().lower().replace(" ", "_")
