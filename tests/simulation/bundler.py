"""A bundler of the simulated chain: it takes, loses, repeats, delays, refuses; its word is worth nothing."""

from collections.abc import Callable

from agent.domain.errors import BundlerUnavailable
from agent.domain.operation import GasLimits, JournaledOperation
from agent.domain.send_answer import Accepted, RejectedAnswer, SendAnswer, UnknownAnswer
from agent.domain.units import Address, Gas, Wei
from agent.domain.user_operation import UserOperation
from tests.simulation.chain import SimChain
from tests.simulation.events import ENTRY_POINT
from tests.simulation.ledger import Sent

WORDS = (
    (-32500, "AA25 invalid account nonce"),
    (-32500, "AA21 didn't pay prefund"),
    (-32500, "AA22 expired or not due"),
    (-32500, "UserOperation reverted during simulation with reason: AA23 reverted 0x"),
    (-32602, "UserOperation maxFeePerGas must be larger or equal to 2000000000"),
    (-32601, "the method eth_sendUserOperation does not exist"),
    (-32603, "internal error"),
    (-32000, "replacement underpriced"),
    (-32504, "paymaster throttled"),
    (429, "Too many requests"),
    (-32521, "UserOperation reverted during simulation with reason: 0x"),
)
"""What real bundlers answered, each to something that may well be in their mempool."""


class SimBundler:
    """Puts operations into the chain's mempool, in the ways bundlers do."""

    def __init__(self, name: str, chain: SimChain, elapsed_s: Callable[[], float]) -> None:
        self.name = name
        self._chain = chain
        self._elapsed_s = elapsed_s

    async def supported_entry_points(self) -> tuple[Address, ...]:
        return (ENTRY_POINT,)

    async def estimate(self, operation: UserOperation, entry_point: Address) -> GasLimits:
        dice = self._chain.dice
        if dice.strikes("F36"):
            raise BundlerUnavailable(f"{self.name} does not answer")
        if dice.strikes("P02"):
            return GasLimits(Gas(dice.one_of((0, 30_000_000, 2**120, 2**128))), Gas(0), Gas(0))
        return GasLimits(Gas(90_000), Gas(240_000), Gas(50_000))

    async def fee_floor(self) -> tuple[Wei, Wei] | None:
        if self._chain.dice.strikes("F36"):
            raise BundlerUnavailable(f"{self.name} does not answer")
        return None

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Answer one of: taken, refused, unknown; whether it was taken is another matter."""
        chain, sent = self._chain, Sent.of(operation)
        dice = chain.dice
        chain.advance(self._elapsed_s())
        chain.seen[sent.user_op_hash] = sent
        if dice.strikes("F36"):
            return UnknownAnswer("could not connect")
        if dice.strikes("D03"):
            if dice.random.random() < 0.5:
                chain.submit(sent, late=True)
            return RejectedAnswer(*dice.one_of(WORDS), bundler=self.name)
        refusal = chain.head.ledger.refusal(sent, chain.head.base_fee_wei, chain.head.timestamp)
        if refusal is not None and not refusal.words.startswith("maxFee"):
            return RejectedAnswer(-32500, refusal.words, bundler=self.name)
        return self._take(sent)

    def _take(self, sent: Sent) -> SendAnswer:
        dice, chain = self._chain.dice, self._chain
        if dice.strikes("F07"):
            return Accepted(sent.user_op_hash)
        if sent.user_op_hash in chain.mempool:
            return RejectedAnswer(-32602, "UserOperation already known", bundler=self.name)
        chain.submit(sent, late=dice.strikes("D02"))
        if dice.strikes("D01"):
            chain.submit(sent, late=True)
        for code, why in (("F08", "timeout"), ("P06", "garbage"), ("P01", "another hash was named")):
            if dice.strikes(code):
                return UnknownAnswer(why)
        return Accepted(sent.user_op_hash)
