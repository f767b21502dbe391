"""Commands that name a symbol: one position to be sold, one market to be denied."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for name in ("symbol", "detail"):
        op.add_column("commands", sa.Column(name, sa.Text(), nullable=True))
