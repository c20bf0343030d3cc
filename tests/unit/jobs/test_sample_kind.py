"""The kind of the guide is one that another package can bring."""

import importlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.commands.session_need import Wish
from agent.commands.session_new import Times, new_sessions
from agent.commands.session_sound import require_sound
from agent.definitions.drafts import read_drafts
from agent.definitions.loader import load
from agent.definitions.schemas import schemas
from agent.domain.units import Hash32, Timestamp
from jobs.conformance import CHECKS, Sample
from tests.unit.definitions.files import CONFIG, ENVIRONMENT, write_files
from tests.unit.jobs.samples import TOKENS

FOLDER = Path(__file__).parents[3] / "docs" / "kinds"
PAGE = (FOLDER / "writing-a-kind.md").read_text()
NOW = Timestamp(1_790_000_000)
WISH = Wish(uses=12, until=Timestamp(NOW + 30 * 86_400))


def block(language: str) -> str:
    """Return the page's last block of a language."""
    return str(re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[-1])


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the kind as a package of its own would be: a module and its entry point."""
    site = tmp_path / "site"
    info = site / "savings_kind-1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copy(FOLDER / "sample_kind.py", site / "savings_kind.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: savings-kind\nVersion: 1.0\n")
    (name, value) = re.findall(r"^(\w+) = \"(.*)\"", block("toml"), re.MULTILINE)[0]
    (info / "entry_points.txt").write_text(f"[sessionkeeper.jobs]\n{name} = {value}\n")
    monkeypatch.syspath_prepend(site)
    return tmp_path


def the_sample() -> Sample:
    """Return the sample of the page."""
    names: dict[str, object] = {}
    source = block("python").split("@pytest")[0].replace("import pytest\n", "")
    exec(compile(source, "writing-a-kind.md", "exec"), names)  # noqa: S102 - the page's own example
    found = names["SAMPLE"]
    assert isinstance(found, Sample)
    return found


def test_it_is_short() -> None:
    assert len((FOLDER / "sample_kind.py").read_text().splitlines()) < 60


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_conforms(check: Callable[[Sample], None]) -> None:
    check(the_sample())


def test_a_job_file_uses_it_and_gets_a_session(installed: Path) -> None:
    files = {"sessionkeeper.yaml": CONFIG, "jobs/rent.yaml": None, "jobs/savings.yaml": block("yaml")}
    folder = write_files(installed / "files", {**files, "sessions/alice.yaml": None})
    definitions = load(folder, ENVIRONMENT, with_jobs=False)
    drafts = read_drafts(definitions, "savings.yaml", "nexus")
    (job,) = drafts[0].jobs
    kind = definitions.kinds["savings"]
    assert (job.kind, kind) == ("savings", importlib.import_module("savings_kind").SAVINGS)
    made = new_sessions(definitions, drafts, None, WISH, Times(NOW, NOW), lambda: Hash32(b"\x05" * 32))
    (verdict,) = require_sound(definitions, drafts, made, WISH, NOW)
    assert verdict.is_fit
    assert verdict.worst.totals[TOKENS["USDC"].address] == (12 + 1) * 100_000_000
    assert "job-savings" in schemas(definitions.kinds)
