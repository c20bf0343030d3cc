"""An ERC-4337 bundler over JSON-RPC (ERC-7769). A send is one request, never repeated here."""

import asyncio

from agent.adapters.json_rpc import Json, JsonRpc, RpcFailure, RpcSilent
from agent.adapters.node_answers import quantity
from agent.adapters.together import Together
from agent.domain.errors import BundlerRejected, BundlerUnavailable
from agent.domain.operation import GasLimits, JournaledOperation
from agent.domain.send_answer import Accepted, RejectedAnswer, SendAnswer, UnknownAnswer
from agent.domain.standing import Standing
from agent.domain.units import Address, Gas, Hash32, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.answer_table import WRONG_HASH, Phase
from agent.erc4337.bundler_actions import Scope, Stop
from agent.erc4337.bundler_errors import BundlerAnswer, flavour_of, meaning_of
from agent.erc4337.bundler_quirks import fee_quotes, quoted
from agent.erc4337.json_form import user_operation_to_json
from agent.erc4337.version import EntryPointVersion

ESTIMATES_AT_ONCE = 64
"""More of them only wait in the bundler's queue, and their deadline runs."""
MAX_ANSWER_BYTES = 1024 * 1024
"""No answer of a bundler that is asked for here is longer than some kilobytes."""

_PRICE_FIELDS = frozenset(
    {"callGasLimit", "verificationGasLimit", "preVerificationGas", "maxFeePerGas", "maxPriorityFeePerGas"}
)


class BundlerRpc:
    """Bundler over one endpoint."""

    def __init__(self, rpc: JsonRpc, version: EntryPointVersion) -> None:
        self._rpc = rpc
        self._version = version
        self._quotes = fee_quotes(flavour_of(rpc.name))
        self._asked: Together[None, tuple[Wei, Wei] | None] = Together()
        self._estimates = asyncio.Semaphore(ESTIMATES_AT_ONCE)

    @property
    def name(self) -> str:
        """Scheme and host of the endpoint, or the name it was given."""
        return self._rpc.name

    @property
    def standing(self) -> Standing:
        """How it has answered."""
        health = self._rpc.health
        return Standing("bundler", self.name, health.is_in, health.why, self._rpc.failures)

    async def supported_entry_points(self) -> tuple[Address, ...]:
        """Return the EntryPoints it serves; raises BundlerUnavailable."""
        try:
            answer = await self._ask("eth_supportedEntryPoints")
            return tuple(Address.from_hex(item) for item in answer)
        except RpcFailure as failure:
            raise BundlerUnavailable(f"{self.name}: {failure}") from None
        except (TypeError, ValueError, AttributeError):
            raise self._unusable("names no EntryPoints") from None

    async def estimate(self, operation: UserOperation, entry_point: Address) -> GasLimits:
        """Return its gas limits; raises BundlerRejected (the operation would fail) or BundlerUnavailable."""
        form = user_operation_to_json(operation, self._version)
        # Absent, not zero: a zero gas field would be taken for a limit.
        unpriced = {name: value for name, value in form.items() if name not in _PRICE_FIELDS}
        try:
            async with self._estimates:
                answer = await self._ask("eth_estimateUserOperationGas", unpriced, str(entry_point))
        except RpcFailure as failure:
            raise BundlerRejected(failure.code, failure.message, failure.data, self.name) from None
        try:
            return GasLimits(
                call_gas_limit=Gas(quantity(answer["callGasLimit"])),
                verification_gas_limit=Gas(quantity(answer["verificationGasLimit"])),
                pre_verification_gas=Gas(quantity(answer["preVerificationGas"])),
                paymaster_verification_gas_limit=_payer_gas(answer),
            )
        except (TypeError, KeyError, ValueError):
            raise self._unusable("answered an estimate without its gas limits") from None

    async def fee_floor(self) -> tuple[Wei, Wei] | None:
        """Return the quoted (max fee, max priority fee) per gas, None where it quotes none.

        Many who ask at once are given one answer.
        """
        return await self._asked.ask(None, self._quoted)

    async def _quoted(self) -> tuple[Wei, Wei] | None:
        for quote in self._quotes:
            try:
                floor = quoted(quote, await self._ask(quote.method))
            except RpcFailure:
                continue
            except ValueError:
                raise self._unusable("quotes fees that are none") from None
            self._quotes = (quote,)
            return floor
        return None

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Send the journaled bytes once and say what came back."""
        form = user_operation_to_json(operation.operation, self._version)
        try:
            answer = await self._rpc.request("eth_sendUserOperation", [form, str(operation.entry_point)])
        except RpcSilent as silence:
            return UnknownAnswer(str(silence))
        except RpcFailure as failure:
            return self._rejected(failure)
        return self._accepted(answer, operation.user_op_hash)

    def _accepted(self, answer: Json, ours: Hash32) -> SendAnswer:
        try:
            named = Hash32.from_hex(answer)
        except (AttributeError, TypeError, ValueError):
            return UnknownAnswer(str(self._unusable("answered something else than a hash")))
        if named != ours:
            why = f"{self.name} named {WRONG_HASH}"
            self._rpc.stop(why)
            return UnknownAnswer(why)
        return Accepted(ours)

    def _rejected(self, failure: RpcFailure) -> RejectedAnswer:
        told = BundlerAnswer(failure.code, failure.message, failure.data, self.name)
        meaning = meaning_of(told, Phase.SEND)
        if meaning.action == Stop(Scope.BUNDLER):
            self._rpc.stop(f"{self.name}: {meaning.reason}")
        return RejectedAnswer(failure.code, failure.message, failure.data, self.name)

    def _unusable(self, what: str) -> BundlerUnavailable:
        why = f"{self.name} {what}"
        self._rpc.blame(why)
        return BundlerUnavailable(why)

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()

    async def _ask(self, method: str, *params: Json) -> Json:
        try:
            return await self._rpc.request(method, params)
        except RpcSilent as silence:
            raise BundlerUnavailable(str(silence)) from None


def _payer_gas(answer: Json) -> Gas | None:
    given = answer.get("paymasterVerificationGasLimit")
    return None if given is None else Gas(quantity(given))
