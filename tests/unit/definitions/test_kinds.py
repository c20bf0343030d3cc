from pathlib import Path

import pytest

from agent.definitions.kinds import available_kinds
from agent.domain.errors import ConfigError
from jobs import KINDS


def bring_kind(folder: Path, name: str, value: str) -> None:
    """Lay out an installed package that brings a job kind."""
    info = folder / "more_jobs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: more-jobs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[sessionkeeper.jobs]\n{name} = {value}\n")


def test_without_other_packages_the_kinds_are_the_agents_own() -> None:
    assert dict(available_kinds()) == dict(KINDS)


def test_a_package_brings_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring_kind(tmp_path, "donation", "donation_job:DONATION")
    (tmp_path / "donation_job.py").write_text(
        "from jobs.subscription import Subscription\n"
        "class Donation(Subscription):\n    name = 'donation'\n"
        "DONATION = Donation()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert set(available_kinds()) == {*KINDS, "donation"}


def test_a_package_cannot_replace_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring_kind(tmp_path, "subscription", "jobs.subscription:SUBSCRIPTION")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="subscription"):
        available_kinds()
