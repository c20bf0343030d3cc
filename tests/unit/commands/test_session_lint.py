from dataclasses import replace
from pathlib import Path

import pytest

from agent.commands.session_lint import LintRefused, Surroundings, Verdict, require_fit, verdict
from agent.commands.session_need import Wish
from agent.commands.session_new import Times, new_sessions, write_sessions
from agent.definitions.drafts import read_drafts
from agent.definitions.loader import load
from agent.definitions.records import Definitions
from agent.domain.units import Hash32, Timestamp
from tests.unit.definitions.files import CONFIG, ENVIRONMENT, JOB, KEY, PAYEE, USDC, write_files

NOW = Timestamp(1_790_000_000)
OWN_KEY = "0x1111111111111111111111111111111111111111"
DAY_S = 86_400
DEFAULT = Wish(periods=3)


def derived(
    folder: Path, *, amount: str = "10 USDC", wish: Wish = DEFAULT, chain_id: int = 8453
) -> Definitions:
    """Make the session of a job file as `sessions new` does, and load all files again."""
    config = CONFIG.replace(str(KEY), OWN_KEY).replace("id: 31337", f"id: {chain_id}")
    config = config.replace("raw: keys/worker.hex", 'keystore: keys/worker.json\n    password: "fd:3"')
    job = JOB.replace("10 USDC", amount).replace("chain: 31337", f"chain: {chain_id}")
    files = {"sessionkeeper.yaml": config, "jobs/rent.yaml": job, "sessions/alice.yaml": None}
    write_files(folder, files)
    definitions = load(folder, ENVIRONMENT, with_jobs=False)
    drafts = read_drafts(definitions, "rent.yaml", "nexus")
    made = new_sessions(definitions, drafts, None, wish, Times(NOW, NOW), lambda: Hash32(b"\x05" * 32))
    write_sessions(made)
    return load(folder, ENVIRONMENT)


def verdict_on(definitions: Definitions, now: Timestamp = NOW) -> Verdict:
    return verdict(Surroundings(definitions), definitions.sessions["alice"], now)


@pytest.mark.parametrize("chain_id", [8453, 31_337])
@pytest.mark.parametrize("amount", ["10 USDC", "0.1 ether"])
@pytest.mark.parametrize("wish", [DEFAULT, Wish(1, 0), Wish(6, 0), Wish(12, 9), Wish(2, 1)])
def test_derived_session_is_fit_then_and_later(
    tmp_path: Path, chain_id: int, amount: str, wish: Wish
) -> None:
    definitions = derived(tmp_path, amount=amount, wish=wish, chain_id=chain_id)
    for days in (0, 20, 45):
        found = verdict_on(definitions, Timestamp(NOW + days * DAY_S))
        assert found.refusals == ()
        assert {item.rule for item in found.findings} <= {"L06", "L34"}


def test_session_for_years_is_refused(tmp_path: Path) -> None:
    found = verdict_on(derived(tmp_path, wish=Wish(periods=15)))
    assert [item.rule for item in found.refusals] == ["L06"]


def test_verdict_states_the_number_gas_included(tmp_path: Path) -> None:
    found = verdict_on(derived(tmp_path, wish=Wish(periods=3, headroom=1)))
    head, sentence, worst = found.words
    assert head == "Fit to be granted."
    assert worst.startswith("If this key leaks: at most 40 USDC to ")
    assert sentence == (
        f"If this key leaks, at most 0.04 ether in gas and 40 USDC to {PAYEE} can leave"
        " until 2026-12-05 08:00:00 UTC, gas and paymasters' fees included."
    )
    assert found.worst.totals == {None: 4 * 10**16, USDC: 40_000_000}


def test_limit_above_the_need_is_refused_with_both_numbers(tmp_path: Path) -> None:
    definitions = derived(tmp_path)
    job = tmp_path / "jobs" / "rent.yaml"
    job.write_text(job.read_text().replace("10 USDC", "4 USDC"))
    found = verdict_on(load(tmp_path, ENVIRONMENT))
    assert verdict_on(definitions).is_fit
    (finding,) = found.refusals
    assert (finding.rule, "60 USDC" in finding.sentence, "24 USDC" in finding.sentence) == ("L13", True, True)


def test_operator_may_allow_a_rule(tmp_path: Path) -> None:
    derived(tmp_path, wish=Wish(periods=15))
    file = tmp_path / "sessions" / "alice.yaml"
    file.write_text(file.read_text().replace("\nsession:", "\nallow_lint: [L06]\nsession:"))
    found = verdict_on(load(tmp_path, ENVIRONMENT))
    assert found.is_fit
    assert [item.rule for item in found.findings if item.allowed] == ["L06"]


def test_unfit_session_names_its_first_reason(tmp_path: Path) -> None:
    found = verdict_on(derived(tmp_path))
    require_fit(found)
    definition = replace(found.session, session=replace(found.session.session, user_op_policies=()))
    definitions = load(tmp_path, ENVIRONMENT)
    with pytest.raises(LintRefused, match=r"alice: L06 the session never ends; .*, and 1 more"):
        require_fit(verdict(Surroundings(definitions), definition, NOW))
