"""The Compose file: valid by the Compose schema, hardened, closed to the outside."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.repository import ROOT

COMPOSE = ROOT / "deploy" / "compose.yaml"
SERVICES = ["agent", "prometheus"]


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return document


def check(path: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_follows_the_compose_schema() -> None:
    done = check(str(COMPOSE))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_refuses_a_misspelt_key(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text().replace("mem_limit:", "memory_limit:"))
    assert check(str(wrong)).returncode != 0


def test_it_runs_the_agent_and_prometheus() -> None:
    assert sorted(compose()["services"]) == SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_services_are_hardened(service: str) -> None:
    options = compose()["services"][service]
    assert options["read_only"] is True
    assert options["cap_drop"] == ["ALL"]
    assert options["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in options
    assert "privileged" not in options


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_published_on_the_loopback_interface_alone(service: str) -> None:
    ports = compose()["services"][service]["ports"]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("service", SERVICES)
def test_images_carry_a_version(service: str) -> None:
    _, _, tag = compose()["services"][service]["image"].partition(":")
    assert tag
    assert tag != "latest"


@pytest.mark.parametrize("service", SERVICES)
def test_files_of_the_host_are_mounted_read_only_and_exist(service: str) -> None:
    binds = [mount for mount in compose()["services"][service]["volumes"] if mount["type"] == "bind"]
    assert binds
    for mount in binds:
        assert mount["read_only"] is True
        assert (COMPOSE.parent / mount["source"]).is_dir()


def test_the_password_comes_as_a_secret_and_never_as_environment() -> None:
    agent = compose()["services"]["agent"]
    assert [secret["source"] for secret in agent["secrets"]] == ["worker-password"]
    assert "environment" not in agent
    assert "env_file" not in agent


def test_the_agent_has_time_to_drain() -> None:
    assert compose()["services"]["agent"]["stop_grace_period"] == "60s"
