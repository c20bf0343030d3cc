import pytest

from agent.devnet.devnet import Devnet
from agent.domain.units import Address
from tests.attack.harness import Outcome, attack

SESSIONS, ROUNDS, TRIES = 60, 8, 14


@pytest.mark.devnet
@pytest.mark.slow
async def test_no_thief_gets_more_than_the_verdict_says(devnet: Devnet) -> None:
    outcomes = await attack(devnet, range(SESSIONS), ROUNDS, TRIES)
    for found in outcomes:
        assert_within_verdict(devnet.usdc, found)
    # An attack that takes nothing proves nothing.
    assert sum(found.thief.included for found in outcomes) >= SESSIONS
    assert sum(found.usdc_lost for found in outcomes) > 0
    assert any(found.thief.sponsored and found.usdc_lost for found in outcomes)
    assert any(found.thief.lends_or_swaps and found.usdc_lost for found in outcomes)
    promised = [found for found in outcomes if not found.thief.worst.unbounded]
    assert any(found.usdc_lost == found.thief.worst.totals.get(devnet.usdc) for found in promised)


def assert_within_verdict(usdc: Address, found: Outcome) -> None:
    """Hold one loss against the number, its recipient and its count."""
    worst = found.thief.worst
    if worst.unbounded:
        assert found.thief.has_fallback
        return
    most_coin, most_usdc = worst.totals[None], worst.totals.get(usdc, 0)
    assert most_coin is None or found.coin_lost_wei <= most_coin, found
    assert most_usdc is None or found.usdc_lost <= most_usdc, found
    assert worst.operations is None or found.thief.included <= worst.operations, found
    if all(flow.to is not None for flow in worst.outflows if flow.token == usdc):
        assert found.thief_got_usdc == 0, found
