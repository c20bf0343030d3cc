"""A paymaster's service over JSON-RPC (ERC-7677): asked for stub and final data, believed in nothing."""

import time

from agent.adapters.endpoint_health import REST_S, Health, answered, failed
from agent.adapters.json_rpc import Json, JsonRpc, RpcFailure, RpcSilent
from agent.domain.errors import PaymasterRejected, PaymasterUnavailable
from agent.domain.paymaster import PaymasterOffer
from agent.domain.standing import Standing
from agent.domain.units import Address, ChainId
from agent.domain.user_operation import UserOperation
from agent.erc4337.json_form import user_operation_to_json
from agent.erc4337.paymaster_answer import FieldChanged, read_paymaster_answer
from agent.erc4337.version import EntryPointVersion

MOST_PAYMASTER_BYTES = 64 * 1024
"""An answer is some hundred bytes; a deep one cannot be long."""
MAX_ERROR_TEXT = 200
STUB = "pm_getPaymasterStubData"
FINAL = "pm_getPaymasterData"
_PAYER_FIELDS = frozenset(
    {"paymaster", "paymasterData", "paymasterVerificationGasLimit", "paymasterPostOpGasLimit"}
)


class PaymasterRpc:
    """A paymaster over one endpoint, under the name the operator's files give it."""

    def __init__(
        self, name: str, rpc: JsonRpc, chain_id: ChainId, version: EntryPointVersion, context: Json
    ) -> None:
        """Take the endpoint; `context` is sent as it is."""
        self._name = name
        self._rpc = rpc
        self._chain_id = chain_id
        self._version = version
        self._context = context
        self._asked_at = -REST_S
        # Not the client's: an answer in good form that nobody can use is none.
        self._health = Health()
        self._failures = 0

    @property
    def standing(self) -> Standing:
        """Return how it answers; after a rest it is asked again in its turn, for only then it may return."""
        health = self._health
        rested = time.monotonic() - self._asked_at >= REST_S
        return Standing("paymaster", self._name, health.is_in or rested, health.why, self._failures)

    async def stub_data(self, operation: UserOperation, entry_point: Address) -> PaymasterOffer:
        """Return what to estimate with; raises PaymasterRejected or PaymasterUnavailable."""
        return await self._ask(STUB, operation, entry_point)

    async def data(self, operation: UserOperation, entry_point: Address) -> PaymasterOffer:
        """Return what to sign; raises PaymasterRejected or PaymasterUnavailable."""
        return await self._ask(FINAL, operation, entry_point)

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()

    async def _ask(self, method: str, operation: UserOperation, entry_point: Address) -> PaymasterOffer:
        form = user_operation_to_json(operation, self._version)
        # The session's stub signature says nothing to it, and the real one is made afterwards.
        ours = {field: value for field, value in form.items() if field not in _PAYER_FIELDS | {"signature"}}
        # The paymaster's gas limits are part of what it signs; in the stub's request there are none yet.
        limits = {field: form[field] for field in _PAYER_FIELDS & form.keys() if method == FINAL}
        params: list[Json] = [{**ours, **limits}, str(entry_point), hex(self._chain_id), self._context]
        self._asked_at = time.monotonic()
        try:
            offer = read_paymaster_answer(await self._rpc.request(method, params), ours)
        except FieldChanged as changed:
            self._answered()
            raise PaymasterRejected(self._name, "paymaster_changed_field", str(changed)) from None
        except RpcFailure as failure:
            self._answered()
            message = f"it answered {failure.code}: {failure.message[:MAX_ERROR_TEXT]}"
            raise PaymasterRejected(self._name, "paymaster_refused", message) from None
        except (RpcSilent, ValueError) as error:
            self._failures += 1
            self._health = failed(self._health, str(error), time.monotonic())
            raise PaymasterUnavailable(f"paymaster {self._name}: {error}") from None
        self._answered()
        return offer

    def _answered(self) -> None:
        self._health = answered(self._health, time.monotonic())
