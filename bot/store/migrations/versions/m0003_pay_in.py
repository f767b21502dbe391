"""The currency that an order is paid in, for markets that accept several; for older orders it is the quote."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("orders", sa.Column("pay_in", sa.Text(), nullable=True))
