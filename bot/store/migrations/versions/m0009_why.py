"""Why an order was sent, beside the last words about it, and indexes for what is asked before every order.

The index of unsettled orders never served SQLite, where a condition on a boolean reads `settled = 0`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("orders", sa.Column("why", sa.Text(), nullable=False, server_default=""))
    op.create_index(
        "orders_sent",
        "orders",
        ["account_id", "created_at"],
        sqlite_where=sa.text("client_id IS NOT NULL"),
        postgresql_where=sa.text("client_id IS NOT NULL"),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("orders_unsettled", "orders")
        op.create_index("orders_unsettled", "orders", ["account_id", "created_at"], sqlite_where=sa.text("settled = 0"))
