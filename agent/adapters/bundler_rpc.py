"""An ERC-4337 bundler over JSON-RPC (ERC-7769). A send is one request, never repeated here."""

from agent.adapters.json_rpc import Json, JsonRpc, RpcFailure, RpcSilent
from agent.domain.errors import BundlerRejected, BundlerUnavailable
from agent.domain.operation import GasLimits, JournaledOperation
from agent.domain.units import Address, Gas, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.json_form import user_operation_to_json
from agent.erc4337.version import EntryPointVersion
from agent.ports import Accepted, RejectedAnswer, SendAnswer, UnknownAnswer

METHOD_NOT_FOUND = -32601
AMBIGUOUS_CODES = frozenset({-32603, -32000, -32005, 429, 0})
"""Codes that do not say whether the operation was taken."""

_PRICE_FIELDS = frozenset(
    {"callGasLimit", "verificationGasLimit", "preVerificationGas", "maxFeePerGas", "maxPriorityFeePerGas"}
)


class BundlerRpc:
    """Bundler over one endpoint."""

    def __init__(self, rpc: JsonRpc, version: EntryPointVersion) -> None:
        self._rpc = rpc
        self._version = version
        self._quotes_fees = True

    @property
    def name(self) -> str:
        """Scheme and host of the endpoint."""
        return self._rpc.name

    async def supported_entry_points(self) -> tuple[Address, ...]:
        """Return the EntryPoints it serves; raises BundlerUnavailable."""
        answer = await self._ask("eth_supportedEntryPoints")
        return tuple(Address.from_hex(item) for item in answer)

    async def estimate(self, operation: UserOperation, entry_point: Address) -> GasLimits:
        """Return its gas limits; raises BundlerRejected (the operation would fail) or BundlerUnavailable."""
        form = user_operation_to_json(operation, self._version)
        # Absent, not zero: a zero gas field would be taken for a limit.
        unpriced = {name: value for name, value in form.items() if name not in _PRICE_FIELDS}
        try:
            answer = await self._ask("eth_estimateUserOperationGas", unpriced, str(entry_point))
        except RpcFailure as failure:
            raise BundlerRejected(failure.code, failure.message) from None
        return GasLimits(
            call_gas_limit=Gas(_quantity(answer, "callGasLimit")),
            verification_gas_limit=Gas(_quantity(answer, "verificationGasLimit")),
            pre_verification_gas=Gas(_quantity(answer, "preVerificationGas")),
        )

    async def fee_floor(self) -> tuple[Wei, Wei] | None:
        """Return the quoted (max fee, max priority fee) per gas, None where it quotes none."""
        if not self._quotes_fees:
            return None
        try:
            quote = (await self._ask("pimlico_getUserOperationGasPrice"))["standard"]
        except RpcFailure as failure:
            if failure.code == METHOD_NOT_FOUND:
                self._quotes_fees = False
            return None
        return Wei(_quantity(quote, "maxFeePerGas")), Wei(_quantity(quote, "maxPriorityFeePerGas"))

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Send the journaled bytes once and say what came back."""
        form = user_operation_to_json(operation.operation, self._version)
        try:
            answer = await self._rpc.request("eth_sendUserOperation", [form, str(operation.entry_point)])
        except RpcSilent as silence:
            return UnknownAnswer(str(silence))
        except RpcFailure as failure:
            if failure.code in AMBIGUOUS_CODES:
                return UnknownAnswer(str(failure))
            return RejectedAnswer(failure.code, failure.message)
        if answer != str(operation.user_op_hash):
            return UnknownAnswer(f"{self.name} named another hash than ours")
        return Accepted(operation.user_op_hash)

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()

    async def _ask(self, method: str, *params: Json) -> Json:
        try:
            return await self._rpc.request(method, params)
        except RpcSilent as silence:
            raise BundlerUnavailable(str(silence)) from None


def _quantity(answer: Json, name: str) -> int:
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, str):
        raise BundlerUnavailable(f"the bundler's answer has no {name}")
    try:
        return int(value, 16)
    except ValueError:
        raise BundlerUnavailable(f"the bundler's {name} is not a number") from None
