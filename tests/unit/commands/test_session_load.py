"""A worker does not start with a session that the rules refuse, and is told of all of them."""

from dataclasses import replace
from pathlib import Path

import pytest
import structlog.testing

from agent.cli.exit_codes import ExitCode, exit_code
from agent.commands.session_lint import Verdict
from agent.commands.session_load import SessionsUnfit, file_verdicts, finding_counts, require_all_fit
from agent.commands.session_need import Wish
from agent.definitions.records import Definitions
from agent.smart_sessions.lint import Finding, Level
from agent.telemetry.metrics import Metrics
from agent.worker.rules import tell
from tests.unit.commands.test_session_lint import NOW, derived, verdict_on

L06 = Finding("L06", Level.REFUSE, "the session never ends", "add an end")
L25 = Finding("L25", Level.REFUSE, "the policy is not in the file", "grant anew")
L34 = Finding("L34", Level.WARN, "1 USDC left, the next payment needs 10 USDC", "ask for more")


def a_verdict(definitions: Definitions, *findings: Finding) -> Verdict:
    return replace(verdict_on(definitions), findings=findings)


def unended(definitions: Definitions) -> Definitions:
    session = definitions.sessions["alice"]
    endless = replace(session, session=replace(session.session, user_op_policies=()))
    return replace(definitions, sessions={"alice": endless})


def test_every_refusal_is_told_with_session_and_remedy(tmp_path: Path) -> None:
    definitions = unended(derived(tmp_path))
    with pytest.raises(SessionsUnfit) as caught:
        require_all_fit(file_verdicts(definitions, NOW))
    told = str(caught.value)
    assert told.startswith("1 of the sessions in use are not fit to be used:\n  alice: L06 ")
    assert "\n  alice: L07 the key may burn all of the account's coin as gas; add a SimpleGas" in told
    assert exit_code(caught.value) is ExitCode.REFUSED


def test_allowed_rules_warnings_and_drift_stop_no_start(tmp_path: Path) -> None:
    definitions = derived(tmp_path)
    require_all_fit(file_verdicts(definitions, NOW))
    require_all_fit([a_verdict(definitions, replace(L06, allowed=True), L34, L25)])
    with pytest.raises(SessionsUnfit, match="alice: L06"):
        require_all_fit([a_verdict(definitions, L06, L25)])


def test_session_that_no_job_uses_stops_no_start(tmp_path: Path) -> None:
    definitions = unended(derived(tmp_path, wish=Wish(periods=2)))
    require_all_fit(file_verdicts(replace(definitions, jobs={}), NOW))


def test_daily_look_logs_and_counts_what_it_finds(tmp_path: Path) -> None:
    metrics = Metrics("0", "live")
    found = a_verdict(derived(tmp_path), replace(L06, allowed=True), L34, L25)
    assert finding_counts(found) == {"refuse": 1, "warn": 1, "allowed": 1}
    with structlog.testing.capture_logs() as logs:
        tell(found, metrics)
    assert [(line["event"], line["log_level"], line["rule"]) for line in logs] == [
        ("session_warning", "warning", "L34"),
        ("session_unfit", "error", "L25"),
    ]
    text = metrics.render().decode()
    assert 'sessionkeeper_session_findings{level="refuse",session="alice"} 1.0' in text
    tell(replace(found, findings=()), metrics)
    assert 'sessionkeeper_session_findings{level="refuse",session="alice"} 0.0' in metrics.render().decode()
