"""Replay golden traces on contracts, in an EVM inside this process."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyrevm

from agent.domain.units import Address
from tests.traces.encoding import SMART_SESSION, step_call, view_call, view_value

CALL_GAS = 15_000_000
REVERTED = re.compile(r"^Revert \{.*output: (0x[0-9a-f]*) \}$")


class ContractsBackend:
    """Contracts at given addresses that answer the steps of trace sequences."""

    def __init__(self, codes: Mapping[Address, bytes]) -> None:
        self._evm = pyrevm.EVM(spec_id="CANCUN", gas_limit=CALL_GAS)
        for address, code in codes.items():
            self._evm.insert_account_info(str(address), pyrevm.AccountInfo(code=code))

    def answers(self, sequence: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], list[Any]]]:
        """Run a sequence; yield the result and the values of the recorded views of each step."""
        account = sequence["account"]
        for step in sequence["steps"]:
            block = pyrevm.BlockEnv(timestamp=step["timestamp"], basefee=step["base_fee"])
            self._evm.set_block_env(block)
            result = self._call(account, SMART_SESSION, step_call(sequence, step))
            yield _result(step["kind"], result), [self._view(account, view) for view in step["views"]]

    def _view(self, account: str, view: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON of many shapes
        answer = self._call(account, view["policy"], view_call(account, view))
        return view_value(view, answer) if isinstance(answer, bytes) else answer

    def _call(self, caller: str, to: str, data: bytes) -> bytes | dict[str, str]:
        try:
            return self._evm.message_call(caller, to, calldata=data, gas=CALL_GAS)
        except RuntimeError as error:
            reverted = REVERTED.match(str(error))
            return {"revert": reverted[1]} if reverted else {"revert": "0x", "halt": str(error)}


def _result(kind: str, answer: bytes | dict[str, str]) -> dict[str, Any]:
    if isinstance(answer, dict):
        return answer
    return {"validation_data": "0x" + answer.hex()} if kind == "op" else {"ok": True}


def agrees(recorded: Mapping[str, Any], answered: Mapping[str, Any]) -> bool:
    """Compare results. Where gas ran out is the compiler's business: out of gas equals a revert without data."""
    return {**recorded, "halt": ""} == {**answered, "halt": ""}
