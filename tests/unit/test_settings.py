import os
from pathlib import Path

import pytest

from agent.domain.errors import SettingsError
from agent.settings import LogFormat, LogLevel, read_environment, read_settings


def test_defaults_need_no_environment() -> None:
    settings = read_settings()
    assert (settings.config, settings.log_level) == (Path("sessionkeeper.yaml"), LogLevel.INFO)
    assert settings.store_url is None


def test_variables_override_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSIONKEEPER_CONFIG", "/etc/sessionkeeper")
    monkeypatch.setenv("SESSIONKEEPER_LOG_FORMAT", "json")
    monkeypatch.setenv("SESSIONKEEPER_PASSWORD_FDS", '{"worker": 3}')
    settings = read_settings()
    assert settings.config == Path("/etc/sessionkeeper")
    assert settings.log_format is LogFormat.JSON
    assert settings.password_fds == {"worker": 3}


def test_a_store_url_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSIONKEEPER_STORE_URL", "postgresql://agent:hunter2@db/journal")
    assert "hunter2" not in repr(read_settings())


def test_every_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSIONKEEPER_WEB_PORT", "70000")
    monkeypatch.setenv("SESSIONKEEPER_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError, match=r"SESSIONKEEPER_LOG_LEVEL.*SESSIONKEEPER_WEB_PORT"):
        read_settings()


def test_broken_json_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSIONKEEPER_PASSWORD_FDS", "hunter2")
    with pytest.raises(SettingsError, match="SESSIONKEEPER_PASSWORD_FDS") as caught:
        read_settings()
    assert "hunter2" not in str(caught.value)


def test_the_environment_is_handed_out_as_a_copy() -> None:
    assert read_environment() == dict(os.environ)
