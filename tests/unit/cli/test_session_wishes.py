"""What `sessions new`, `edit` and `rotate` take of their options."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from agent.cli.session_wishes import wish_of
from tests.acceptance.command import inside
from tests.unit.definitions.files import CONFIG, KEY, PAYEE, write_files

OWN_KEY = "0x1111111111111111111111111111111111111111"
TOP_UP = f"""\
id: gas
kind: top_up
chain: 8453
account: "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
session: gas
spec: {{keep: balance, of: "{PAYEE}", below: "0.1 ether", to: "0.2 ether"}}
"""


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2026-12-31T18:00:00Z", 1_798_740_000),
        ("2026-12-31T19:00:00+01:00", 1_798_740_000),
        ("2026-12-31", 1_798_761_599),
    ],
)
def test_end_is_an_instant_or_a_whole_day(text: str, second: int) -> None:
    assert wish_of(None, None, None, None, 5, text).until == second


@pytest.mark.parametrize("text", ["2026-12-31T18:00:00", "tomorrow", "2026-13-01"])
def test_end_without_a_zone_or_a_meaning_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        wish_of(None, None, None, None, 5, text)


def test_command_makes_the_session_of_a_job_without_a_schedule(tmp_path: Path) -> None:
    config = CONFIG.replace(str(KEY), OWN_KEY).replace("id: 31337", "id: 8453")
    config = config.replace("raw: keys/worker.hex", 'keystore: keys/worker.json\n    password: "fd:3"')
    config = config.replace("/${RPC_KEY}", "")
    files = {"sessionkeeper.yaml": config, "jobs/rent.yaml": None, "jobs/gas.yaml": TOP_UP}
    job = write_files(tmp_path, {**files, "sessions/alice.yaml": None}) / "jobs" / "gas.yaml"
    for options, said in (((), "--uses"), (("--uses", "2"), "--until")):
        refused = inside("sessions", "new", "--for-job", job, *options)
        assert (refused.code, said in refused.err) == (3, True)
    made = inside("sessions", "new", "--for-job", job, "--uses", "2", "--until", "2100-01-01", "--json")
    # No key is to be good for so long.
    assert (made.code, "L06" in made.err) == (6, True)
    soon = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%d")
    made = inside("sessions", "new", "--for-job", job, "--uses", "2", "--until", soon)
    assert made.code == 0, made.err
    assert "uses: 2\n" in (tmp_path / "sessions" / "gas.yaml").read_text()
