"""The preflight's verdict on an operation, against what the EntryPoint then makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.budget import Blocked, Cleared, Verdict
from agent.erc4337.packing import PAYMASTER_DATA_OFFSET
from agent.erc7579.execution import decode_execute
from agent.smart_sessions.grant import Counters, Grant
from agent.smart_sessions.policies import simple_gas
from agent.smart_sessions.preflight import limits
from tests.differential.operations import USE, Drawn
from tests.differential.owners import RIGHT
from tests.differential.simulation import Answer

STRICTER = frozenset({"session_changed", "cost_limit"})
"""It trusts no policy that the granted session does not list, and assumes the worst base fee."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, with what it was based on."""

    grant: Grant
    seen: Counters
    verdict: Verdict

    def wrong(self, refused: bytes | None, after: Counters, _: Sequence[Answer]) -> str | None:
        """Return what is wrong with the verdict, None if it is right or rightly stricter."""
        if isinstance(self.verdict, Blocked):
            codes = {violation.code for violation in self.verdict.violations}
            if refused is None and not codes & STRICTER:
                return f"preflight: it blocks with {self.verdict}, and the EntryPoint includes"
            return None
        if refused is not None:
            return f"preflight: it clears, and the EntryPoint refuses with 0x{refused.hex()}"
        return self._wrong_use(self.verdict, after)

    def outcome(self, refused: bytes | None) -> str:
        """Name the verdict for the books."""
        if isinstance(self.verdict, Cleared):
            return "preflight: cleared"
        return "preflight: stricter than the chain" if refused is None else "preflight: blocked"

    def _wrong_use(self, verdict: Cleared, after: Counters) -> str | None:
        before = {str(limit.key): limit.used for limit in limits(self.grant, self.seen)}
        used = {
            str(limit.key): limit.used - before[str(limit.key)]
            for limit in limits(self.grant, after)
            if limit.used != before[str(limit.key)]
        }
        reserved = {item.limit_key: item.amount for item in verdict.consumption}
        # The cost of gas is reserved at the worst base fee.
        exact = {key: amount for key, amount in reserved.items() if not key.endswith(f"/{simple_gas.COST}")}
        uses = {key: amount for key, amount in used.items() if not key.endswith(f"/{simple_gas.COST}")}
        if exact != uses or any(amount > reserved.get(key, 0) for key, amount in used.items()):
            return f"preflight: it reserves {reserved}, and the chain counts {used}"
        return None


def is_honest(drawn: Drawn) -> bool:
    """Say whether only the session decides: the agent would have built and signed it so."""
    owners = drawn.granted.owners
    can_sign = 1 <= owners.threshold <= len(owners.keys) and list(owners.listed) == sorted(owners.listed)
    signed = drawn.signing in RIGHT and drawn.mode == USE and drawn.permission is None
    paid = not 0 < len(drawn.paymaster_and_data) < PAYMASTER_DATA_OFFSET
    return can_sign and signed and paid and not drawn.skips_nonces and _is_canonical(drawn.call_data)


def _is_canonical(call_data: bytes) -> bool:
    try:
        decode_execute(call_data)
    except ValueError:
        return False
    return True
