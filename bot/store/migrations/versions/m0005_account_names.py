"""The owner's name for an account, if an exchange has several; accounts in older databases have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BEFORE = ("mode", "venue", "environment", "identity")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _made_anew()
        return
    op.add_column("accounts", sa.Column("name", sa.Text(), nullable=False, server_default=""))
    op.alter_column("accounts", "name", server_default=None)
    op.drop_constraint("accounts_once", "accounts")
    op.create_unique_constraint("accounts_once", "accounts", [*BEFORE, "name"])


def _made_anew() -> None:
    """Rebuild the table, because SQLite cannot change a unique constraint. Foreign keys are checked again at the end of the step."""
    op.execute("PRAGMA defer_foreign_keys=ON")
    op.execute("CREATE TEMPORARY TABLE accounts_before AS SELECT * FROM accounts")
    op.drop_table("accounts")
    op.create_table(
        "accounts",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in BEFORE),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(*BEFORE, "name", name="accounts_once"),
    )
    columns = ", ".join(["id", *BEFORE, "first_seen", "last_seen"])
    op.execute(f"INSERT INTO accounts ({columns}, name) SELECT {columns}, '' FROM accounts_before")  # noqa: S608 - our own names
    op.execute("DROP TABLE accounts_before")
