"""Bring a store to the schema of this release; refuse one that a newer release wrote."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from agent.domain.errors import StoreRefused

HEAD = "0005"
_VERSION_TABLE = "alembic_version"


def migrate(connection: Connection) -> None:
    """Run what is missing inside the connection's transaction."""
    current = _current(connection)
    if current == HEAD:
        return
    # Loaded only when there is something to do: it takes longer than opening a store.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise StoreRefused(
            f"a newer release wrote this store: it has schema {current}, this release knows {HEAD}"
        )
    command.upgrade(config, HEAD)


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version
