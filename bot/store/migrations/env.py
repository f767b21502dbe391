"""Runs the steps on the connection and inside the transaction that `bot.store.migrate` opened; no other way in."""

from __future__ import annotations

from alembic import context

from bot.store.migrate import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
