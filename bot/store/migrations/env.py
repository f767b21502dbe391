"""Runs the steps on the connection and in the transaction that `bot.store.migrate` has opened; there is no other entry point."""

from __future__ import annotations

from alembic import context

from bot.store.migrate import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
