"""The systemd unit: its promises read as data, and by systemd itself where that is at hand."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.repository import ROOT

UNIT = ROOT / "deploy" / "systemd" / "sessionkeeper.service"
WORST_EXPOSURE = 2.0


def directives(section: str) -> dict[str, list[str]]:
    text = UNIT.read_text().partition(f"[{section}]\n")[2].partition("\n[")[0]
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("NOT CHECKED BY SYSTEMD: this machine has no systemd-analyze")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Type", "notify"),
        ("KillSignal", "SIGTERM"),
        ("TimeoutStopSec", "60s"),
        ("Restart", "on-failure"),
        ("DynamicUser", "yes"),
        ("StateDirectory", "sessionkeeper"),
        ("StateDirectoryMode", "0700"),
        ("LoadCredential", "worker-password:/etc/sessionkeeper/worker-password"),
        ("UMask", "0077"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("CapabilityBoundingSet", ""),
        ("MemoryDenyWriteExecute", "yes"),
        ("LimitCORE", "0"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
    ],
)
def test_the_service_is_confined(name: str, value: str) -> None:
    assert directives("Service")[name] == [value]


def test_no_secret_is_in_the_environment() -> None:
    assert directives("Service")["Environment"] == [
        "PYTHONDONTWRITEBYTECODE=1",
        "SESSIONKEEPER_STORE_URL=sqlite:////var/lib/sessionkeeper/journal.db",
    ]
    assert "EnvironmentFile" not in directives("Service")


def test_a_wrong_configuration_is_not_tried_again_and_again() -> None:
    # Exit codes 2 and 3: wrong use, wrong configuration.
    assert directives("Service")["RestartPreventExitStatus"] == ["2 3"]


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    # systemd wants the command to exist; it is installed on the operator's machine alone.
    here = tmp_path / UNIT.name
    here.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text()))
    done = analyze("verify", "--man=no", str(here))
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_little_exposed() -> None:
    done = analyze("security", "--offline=yes", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level.*?: ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= WORST_EXPOSURE
