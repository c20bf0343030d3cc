"""Reading settings and files for a command; from here on their secrets are masked everywhere."""

from pathlib import Path

from agent.definitions.loader import load
from agent.definitions.paymaster_files import context_texts
from agent.definitions.records import Definitions
from agent.domain.units import hex_from_bytes
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
    mask_secrets(definitions)
    return definitions


def mask_secrets(definitions: Definitions) -> None:
    """Take the credentials of every URL and unused enable signatures out of all output from now on."""
    REDACTOR.register_url(definitions.store_url.get_secret_value())
    for chain in definitions.chains.values():
        streams = () if chain.stream_url is None else (chain.stream_url,)
        for url in (*chain.rpc_urls, *chain.bundler_urls, *chain.private_bundler_urls, *streams):
            REDACTOR.register_url(url.get_secret_value())
        for paymaster in chain.paymasters.values():
            REDACTOR.register_url(paymaster.url.get_secret_value())
            for secret in context_texts(paymaster):
                REDACTOR.register(secret)
    for session in definitions.sessions.values():
        if session.enable is not None:
            # Until it is used, whoever has it may enable the session.
            REDACTOR.register(hex_from_bytes(session.enable.permission_enable_signature))
