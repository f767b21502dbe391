"""Runs the steps on the connection and inside the transaction that `bot.store.migrate` opened; no other way in."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
context.run_migrations()
