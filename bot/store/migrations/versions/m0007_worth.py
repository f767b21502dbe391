"""The value of coins that left a position without a sale, the cost of dust, and each fill's quote in dollars.

Older rows have none of these, because the prices were not recorded.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

NEW = (
    ("fills", ("quote_usd",)),
    ("write_offs", ("why", "price", "quote_usd", "realised")),
    ("dust", ("cost_usd",)),
)


def upgrade() -> None:
    for table, columns in NEW:
        for column in columns:
            op.add_column(table, sa.Column(column, sa.Text(), nullable=True))
