"""The off-chain model answers as the contracts behind the EntryPoint do, and this test would notice."""

from dataclasses import replace

import pytest

from agent.devnet import rpc
from agent.domain.units import bytes_from_hex
from agent.smart_sessions.policies import POLICIES, sudo, usage_limit
from agent.smart_sessions.policies.counter import Counter
from agent.smart_sessions.policies.policy import ActionCall, Allowed, Answer, OperationFacts, Slot
from tests.differential.run import Report, run
from tests.differential.stage import Stage

pytestmark = [pytest.mark.devnet, pytest.mark.slow]

SEED, OPERATIONS, FEW = 2_000_000, 3_000, 400
EVERY_REFUSAL = {
    "AA22 expired or not due",
    "AA23 reverted: InvalidPermissionId",
    "AA23 reverted: NoPoliciesSet",
    "AA23 reverted: PaymasterValidationNotEnabled",
    "AA23 reverted: PolicyCheckReverted",
    "AA23 reverted: PolicyViolation",
    "AA24 signature error",
    "AA25 invalid account nonce",
}


async def compared(stage: Stage, operations: int) -> Report:
    return await run(stage, range(SEED, SEED + operations), operations)


async def test_model_and_contracts_agree_on_random_operations(stage: Stage) -> None:
    report = await compared(stage, OPERATIONS)

    assert [str(item) for item in report.disagreements] == []
    # What never happened was not compared.
    refusals = {name.removeprefix("refused: ") for name in report.outcomes if name.startswith("refused: ")}
    assert refusals >= EVERY_REFUSAL
    assert report.outcomes["included: succeeded"] > OPERATIONS // 12
    assert report.outcomes["included: reverted"] > OPERATIONS // 100
    assert report.outcomes["preflight: cleared"] > OPERATIONS // 12


class GenerousUsageLimit(usage_limit.UsageLimitPolicy):
    """Counts, and lets one more through than it may."""

    def check_user_op(self, slot: Slot, state: Counter, facts: OperationFacts) -> Answer:
        return _one_more(super().check_user_op(slot, replace(state, limit=state.limit + 1), facts), state)

    def check_action(self, slot: Slot, state: Counter, call: ActionCall) -> Answer:
        return _one_more(super().check_action(slot, replace(state, limit=state.limit + 1), call), state)


def _one_more(answer: Answer, state: Counter) -> Answer:
    return replace(answer, state=state.plus(1)) if isinstance(answer, Allowed) else answer


async def test_a_model_that_lets_one_use_too_many_through_is_found(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(POLICIES, usage_limit.ADDRESS, GenerousUsageLimit(usage_limit.ADDRESS))

    report = await run(stage, range(SEED, SEED + FEW), FEW, enough=1)

    # Enabling and the uses that there are: no other step is needed to show it.
    (found,) = report.disagreements
    assert len(found.steps) <= 6


async def test_a_policy_contract_that_always_says_yes_is_found(stage: Stage) -> None:
    sudo_code = bytes_from_hex(await rpc.call(stage.rpc_url, "eth_getCode", str(sudo.ADDRESS), "latest"))
    lenient = replace(stage, codes={**stage.codes, usage_limit.ADDRESS: sudo_code})

    report = await compared(lenient, FEW)

    assert any(str(usage_limit.ADDRESS) in item.what for item in report.disagreements)
