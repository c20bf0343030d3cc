"""A paymaster's service on the simulated chain: it pays for a short while, refuses, fails and cheats."""

from collections.abc import Callable

from agent.domain.errors import PaymasterRejected, PaymasterUnavailable
from agent.domain.paymaster import PaymasterOffer, PaymasterRules
from agent.domain.standing import Standing
from agent.domain.units import Address, Gas, Wei
from agent.domain.user_operation import UserOperation
from tests.simulation.chain import SimChain
from tests.simulation.reader import CHAIN_ID, PAYMASTER

NAME = "sponsor"
RULES = PaymasterRules(NAME, CHAIN_ID, (PAYMASTER,), Wei(10**17), Wei(10**19), Gas(100_000), Gas(50_000))
STRANGER = Address(b"\x66" * 20)
LEAST_S, MOST_S = 32, 90


class SimPaymaster:
    """Signs windows of a minute or so, after which the operation is void."""

    def __init__(self, chain: SimChain, elapsed_s: Callable[[], float]) -> None:
        self._chain = chain
        self._elapsed_s = elapsed_s

    @property
    def standing(self) -> Standing:
        return Standing("paymaster", NAME, healthy=True, why="", failures=0)

    async def stub_data(self, operation: UserOperation, entry_point: Address) -> PaymasterOffer:
        self._fail()
        return PaymasterOffer(PAYMASTER, bytes(32), Gas(40_000), Gas(0))

    async def data(self, operation: UserOperation, entry_point: Address) -> PaymasterOffer:
        self._fail()
        dice = self._chain.dice
        self._chain.advance(self._elapsed_s())
        until = self._chain.head.timestamp + dice.whole(LEAST_S, MOST_S)
        named = STRANGER if dice.strikes("P03") else PAYMASTER
        return PaymasterOffer(named, until.to_bytes(6, "big") + bytes(26), Gas(40_000), Gas(0))

    def _fail(self) -> None:
        dice = self._chain.dice
        if not dice.strikes("F28"):
            return
        if dice.random.random() < 0.5:
            raise PaymasterUnavailable("the paymaster's service does not answer")
        raise PaymasterRejected(NAME, "paymaster_refused", "it does not pay for this")
