"""Commands with a symbol: a position to sell, a market to deny."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for name in ("symbol", "detail"):
        op.add_column("commands", sa.Column(name, sa.Text(), nullable=True))
