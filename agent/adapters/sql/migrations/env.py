"""Runs revisions on the connection that opens the store."""

from alembic import context

from agent.adapters.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
