"""Gas limits of an operation serve the next of its shape on the real chain, and are let go when it fails."""

from collections import Counter
from pathlib import Path

import pytest

from agent.adapters.bundler_rpc import BundlerRpc
from agent.devnet.devnet import Devnet
from agent.domain.operation import GasLimits
from agent.domain.units import Address
from agent.domain.user_operation import UserOperation
from agent.erc7579.accounts import AccountKind
from tests.integration.kinds import every_kind
from tests.integration.paying import due_jobs, paying
from tests.operator import an_operator

pytestmark = pytest.mark.devnet


@pytest.fixture
def estimates(monkeypatch: pytest.MonkeyPatch) -> Counter[Address]:
    """Count what the bundler estimates, by account."""
    counted: Counter[Address] = Counter()
    estimate = BundlerRpc.estimate

    async def counting(self: BundlerRpc, operation: UserOperation, entry_point: Address) -> GasLimits:
        counted[operation.sender] += 1
        return await estimate(self, operation, entry_point)

    monkeypatch.setattr(BundlerRpc, "estimate", counting)
    return counted


@every_kind
async def test_the_second_of_a_shape_is_not_estimated_and_lands(
    devnet: Devnet, tmp_path: Path, kind: AccountKind, estimates: Counter[Address]
) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs(["one", "two"]), kind=kind)
    async with paying(operator) as world:
        one = await world.taken("one")
        assert await world.included(operator, one)
        two = await world.taken("two")
        assert await world.included(operator, two)

        assert estimates == {operator.account.address: 1}


async def test_limits_with_which_the_calls_fail_now_are_not_used(
    devnet: Devnet, tmp_path: Path, estimates: Counter[Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs(["one", "two"]))
    async with paying(operator) as world:
        assert await world.included(operator, await world.taken("one"))
        # As if moving the token had become dearer since: a third of what it takes is left.
        monkeypatch.setattr("agent.pipeline.kept_limits.MORE_PERCENT", -70)
        assert await world.included(operator, await world.taken("two"))

        assert estimates == {operator.account.address: 2}


async def test_limits_whose_margin_is_above_a_cap_are_estimated_anew(
    devnet: Devnet, tmp_path: Path, estimates: Counter[Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [job + "fees: {max_gas: 1000000}\n" for job in due_jobs(["one", "two"])]
    operator = await an_operator(devnet, tmp_path, jobs)
    async with paying(operator) as world:
        assert await world.included(operator, await world.taken("one"))
        monkeypatch.setattr("agent.pipeline.kept_limits.MORE_PERCENT", 1_000)
        assert await world.included(operator, await world.taken("two"))

        assert estimates == {operator.account.address: 2}
