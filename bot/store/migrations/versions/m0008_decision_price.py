"""The market price that a sale was decided at, so that the price paid can be compared with it. Older orders have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("orders", sa.Column("decision_price", sa.Text(), nullable=True))
