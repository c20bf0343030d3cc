"""Reading settings and files for a command; from here on their secrets are masked everywhere."""

from pathlib import Path

from agent.definitions.loader import load
from agent.definitions.records import Definitions
from agent.settings import Settings, read_environment, read_settings
from agent.telemetry.secrets import REDACTOR


def settings_for(config: Path | None) -> Settings:
    """Return the settings, with the configuration named on the command line; raises SettingsError."""
    settings = read_settings()
    if settings.store_url is not None:
        REDACTOR.register_url(settings.store_url.get_secret_value())
    return settings if config is None else settings.model_copy(update={"config": config})


def load_definitions(settings: Settings, *, with_jobs: bool = True) -> Definitions:
    """Return what the files define; raises DefinitionError."""
    definitions = load(settings.config, read_environment(), with_jobs=with_jobs)
    mask_urls(definitions)
    return definitions


def mask_urls(definitions: Definitions) -> None:
    """Take the credentials of every URL out of all output from now on."""
    REDACTOR.register_url(definitions.store_url.get_secret_value())
    for chain in definitions.chains.values():
        for url in (*chain.rpc_urls, *chain.bundler_urls):
            REDACTOR.register_url(url.get_secret_value())
