"""The scrape configuration, by our own strict reading and by promtool."""

import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints

from tests.deploy.repository import ROOT

CONFIGURATION = ROOT / "deploy" / "prometheus" / "prometheus.yml"
FETCHED = ROOT / "build" / "tools" / "promtool"

Duration = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*(ms|s|m|h)$")]
Target = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*:[0-9]{2,5}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Global(Strict):
    scrape_interval: Duration
    scrape_timeout: Duration
    evaluation_interval: Duration


class StaticConfig(Strict):
    targets: list[Target]


class ScrapeConfig(Strict):
    job_name: str
    metrics_path: str
    static_configs: list[StaticConfig]


class Configuration(Strict):
    global_: Global
    scrape_configs: list[ScrapeConfig]


def configuration() -> Configuration:
    document = yaml.safe_load(CONFIGURATION.read_text())
    return Configuration.model_validate({"global_": document.pop("global"), **document})


def promtool() -> str:
    found = shutil.which("promtool") or (str(FETCHED) if FETCHED.is_file() else None)
    if found is None:
        pytest.skip("NOT CHECKED BY PROMTOOL: none on PATH and Debian's package could not be fetched")
    return found


def check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool(), "check", "config", path], capture_output=True, text=True, check=False)


def test_it_reads_the_agents_metrics_where_compose_runs_it() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    port = compose["services"]["agent"]["ports"][0].rpartition(":")[2]
    (scrape,) = configuration().scrape_configs
    assert scrape.metrics_path == "/metrics"
    assert scrape.static_configs == [StaticConfig(targets=[f"agent:{port}"])]


def test_promtool_accepts_it() -> None:
    done = check(CONFIGURATION)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is valid prometheus config" in done.stdout


def test_promtool_refuses_a_misspelt_key(tmp_path: Path) -> None:
    wrong = tmp_path / "prometheus.yml"
    wrong.write_text(CONFIGURATION.read_text().replace("scrape_timeout", "scrape_time_out"))
    assert check(wrong).returncode != 0
