"""Settings from the environment (`SESSIONKEEPER_*`); nothing else reads it."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent.domain.errors import SettingsError

PREFIX = "SESSIONKEEPER_"


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log lines look: `auto` is for people on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class Settings(BaseSettings):
    """What differs from machine to machine; everything else is in the files."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    config: Path = Field(Path("sessionkeeper.yaml"), description="The configuration file, or its folder.")
    log_level: LogLevel = Field(LogLevel.INFO, description="debug, info, warning or error.")
    log_format: LogFormat = Field(LogFormat.AUTO, description="auto, json or console.")
    store_url: SecretStr | None = Field(None, description="Overrides `store:` of the configuration.")
    kill_file: Path | None = Field(None, description="Overrides `kill_file:` of the configuration.")
    web_host: str | None = Field(None, description="Overrides `web: {host:}`.")
    web_port: int | None = Field(None, ge=0, le=65_535, description="Overrides `web: {port:}`.")
    web_allow_remote: bool = Field(
        default=False, description="As `web: {allow_remote:}`; set in the image, whose network is its own."
    )
    password_fds: dict[str, int] = Field(
        default_factory=dict, description='Descriptors to read keystore passwords from: {"worker": 3}.'
    )


def read_settings() -> Settings:
    """Read the environment; raise SettingsError naming every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"{PREFIX}{_name(detail['loc'])}: {detail['msg']}" for detail in error.errors()]
        raise SettingsError("; ".join(wrong)) from None
    except ValueError as error:
        # A variable that should hold JSON does not; its value is not shown.
        raise SettingsError(f"{PREFIX}PASSWORD_FDS is not valid JSON") from error


def read_environment() -> Mapping[str, str]:
    """Return the variables that `${NAME}` in the files may name."""
    return dict(os.environ)


def _name(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper().removeprefix(PREFIX) if location else ""
