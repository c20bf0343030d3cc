"""What the files say about stopping: breakers, and where the kill switch is."""

from pathlib import Path

import pytest

from agent.definitions.breaker_files import breaker_limits
from agent.definitions.mistakes import DefinitionError
from agent.definitions.store_place import load_store_place
from agent.domain.breakers import BreakerLimits
from agent.domain.token import Token, TokenAmount
from agent.domain.units import ChainId, Wei
from tests.unit.definitions.files import (
    CONFIG,
    ENVIRONMENT,
    USDC,
    edited,
    load_files,
    mistakes_in,
    write_files,
)

HERE = ChainId(31_337)


def with_breakers(text: str) -> dict[str, str]:
    """Return the good configuration with these breakers."""
    return edited("sessionkeeper.yaml", "    fees: {", f"    breakers: {{{text}}}\n    fees: {{")


def test_breakers_have_defaults(tmp_path: Path) -> None:
    assert load_files(tmp_path).chains[HERE].breakers == BreakerLimits()


def test_breakers_are_read_in_base_units(tmp_path: Path) -> None:
    text = (
        "spend: ['500 USDC', '0.1 ether'], operations: 9, spend_within: 1d, reverts: 2, reverts_within: 2h, "
        "errors: 3, errors_within: 5m, fee_factor: 4, fee_floor: '2 gwei', clock_skew: 1m"
    )
    ether = Token("ether", None, 18)
    assert load_files(tmp_path, with_breakers(text)).chains[HERE].breakers == BreakerLimits(
        spend=(TokenAmount(Token("USDC", USDC, 6), 500_000_000), TokenAmount(ether, 10**17)),
        operations=9,
        spend_within_s=86_400,
        reverts=2,
        reverts_within_s=7_200,
        errors=3,
        errors_within_s=300,
        fee_factor=4,
        fee_floor_wei=Wei(2 * 10**9),
        clock_skew_s=60,
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("spend: ['500 DAI']", "unknown_token"),
        ("spend: ['5 USDC', '6 USDC']", "duplicate_amount"),
        ("reverts: -1", "bad_integer"),
        ("fee_floor: '1 USDC'", "not_native"),
        ("spending: []", "unknown_key"),
        ("clock_skew: 11m", "clock_skew_too_wide"),
        ("clock_skew: 601s", "clock_skew_too_wide"),
    ],
)
def test_mistakes_in_breakers_are_told_at_their_place(tmp_path: Path, text: str, code: str) -> None:
    (mistake,) = mistakes_in(tmp_path, with_breakers(text))
    assert (mistake.code, mistake.place.line) == (code, 9)


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600), ("0s", 0)])
def test_clocks_may_differ_as_far_as_a_lost_journal_allows_for(
    tmp_path: Path, text: str, seconds: int
) -> None:
    found = load_files(tmp_path, with_breakers(f"clock_skew: {text}"))

    assert found.chains[HERE].breakers.clock_skew_s == seconds


def test_where_the_chain_is_the_clock_clocks_cannot_disagree(tmp_path: Path) -> None:
    wall, chain = (
        load_files(tmp_path),
        load_files(tmp_path, {"sessionkeeper.yaml": CONFIG + "clock: chain\n"}),
    )
    assert breaker_limits(wall)[HERE].clock_skew_s == 600
    assert breaker_limits(chain)[HERE].clock_skew_s == 0


def test_the_kill_file_is_beside_the_journal_or_where_it_is_said_to_be(tmp_path: Path) -> None:
    assert load_files(tmp_path).kill_file is None
    named = {"sessionkeeper.yaml": CONFIG + "kill_file: run/STOP\n"}
    assert load_files(tmp_path, named).kill_file == tmp_path / "run" / "STOP"


def test_who_has_to_stop_the_agent_need_not_correct_its_files_first(tmp_path: Path) -> None:
    root = write_files(
        tmp_path,
        {
            "sessionkeeper.yaml": CONFIG.replace("mode: live", "mode: perhaps") + "kill_file: STOP\n",
            "jobs/rent.yaml": "id: [",
            "sessions/alice.yaml": "nothing",
        },
    )
    place = load_store_place(root, ENVIRONMENT)
    assert (place.root, place.kill_file, place.chain_ids) == (root, root / "STOP", (HERE,))
    assert place.store_url.get_secret_value() == f"sqlite:///{root}/state/journal.db"


@pytest.mark.parametrize("text", ["a: [", CONFIG + "store: 'mysql://x'\n"])
def test_a_configuration_that_does_not_say_where_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DefinitionError):
        load_store_place(write_files(tmp_path, {"sessionkeeper.yaml": text}), ENVIRONMENT)
