"""The first schema.

A step defines the tables as they were at its time and never follows later changes of the schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _accounts()
    _orders()
    _positions()
    _fills()
    _dust()
    _naked()
    _facts()
    _commands()
    _health()
    _journal()


def _id() -> sa.Column[int]:
    return sa.Column("id", ID, autoincrement=True, nullable=False)


def _account() -> sa.Column[int]:
    return sa.Column("account_id", ID, nullable=False)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _index(name: str, table: str, columns: list[str], *, unique: bool = False, where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _accounts() -> None:
    op.create_table(
        "accounts",
        _id(),
        _text("mode"),
        _text("venue"),
        _text("environment"),
        _text("identity"),
        _time("first_seen"),
        _time("last_seen"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("mode", "venue", "environment", "identity", name="accounts_once"),
    )


def _orders() -> None:
    op.create_table(
        "orders",
        _id(),
        _account(),
        _text("client_id", nullable=True),
        _text("exchange_id", nullable=True),
        _text("parent_id", nullable=True),
        _text("key", nullable=True),
        _text("purpose"),
        _text("symbol"),
        _text("side"),
        _text("type"),
        _text("tif"),
        _text("status"),
        _flag("settled"),
        _text("qty"),
        _text("filled_qty"),
        _text("booked_qty"),
        _text("booked_cost"),
        _text("avg_price", nullable=True),
        _text("limit_price", nullable=True),
        _text("trigger_price", nullable=True),
        _text("attached_stop", nullable=True),
        _text("attached_target", nullable=True),
        _flag("reduce_only"),
        _flag("post_only"),
        _time("created_at"),
        _time("updated_at"),
        _time("sent_at"),
        _time("deadline", nullable=True),
        _text("reason"),
        _text("decision", nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "client_id", name="orders_one_per_client_id"),
        sa.UniqueConstraint("account_id", "exchange_id", name="orders_one_per_exchange_id"),
        sa.UniqueConstraint("account_id", "key", name="orders_one_per_decision"),
    )
    _index("orders_by_symbol", "orders", ["account_id", "symbol", "created_at"])
    _index("orders_unsettled", "orders", ["account_id", "created_at"], where="NOT settled")


def _positions() -> None:
    op.create_table(
        "positions",
        _id(),
        _account(),
        _text("symbol"),
        _text("side"),
        _text("qty"),
        _text("initial_qty"),
        _text("bought"),
        _text("cost"),
        _text("stop_price"),
        _text("first_stop"),
        _count("stage"),
        _time("opened_at"),
        _time("candle_close"),
        _text("fee_rate"),
        _text("entry_id"),
        _text("fees"),
        _text("realised"),
        _time("closed_at", nullable=True),
        _text("closed_why", nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("positions_one_open", "positions", ["account_id", "symbol"], unique=True, where="closed_at IS NULL")


def _fills() -> None:
    op.create_table(
        "fills",
        _id(),
        _account(),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("position_id", ID, nullable=True),
        _text("fill_id"),
        _text("exchange_order_id"),
        _text("symbol"),
        _text("side"),
        _text("qty"),
        _text("price"),
        _text("fee"),
        _text("fee_asset"),
        _text("fee_usd"),
        _time("time"),
        _text("realised_usd", nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"]),
        sa.ForeignKeyConstraint(["position_id"], ["positions.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "fill_id", name="fills_once"),
    )
    _index("fills_by_time", "fills", ["account_id", "time"])


def _dust() -> None:
    op.create_table(
        "dust",
        _account(),
        _text("coin"),
        _text("qty"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account_id", "coin"),
    )


def _naked() -> None:
    op.create_table(
        "naked",
        _id(),
        _account(),
        _text("symbol"),
        _time("start_at"),
        _time("end_at", nullable=True),
        _text("why"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("naked_one_open", "naked", ["account_id", "symbol"], unique=True, where="end_at IS NULL")


def _facts() -> None:
    op.create_table(
        "facts",
        _account(),
        _text("name"),
        _text("value"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account_id", "name"),
    )


def _commands() -> None:
    op.create_table(
        "commands",
        _id(),
        _account(),
        _text("verb"),
        _time("posted_at"),
        _time("answered_at", nullable=True),
        _text("result", nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("commands_open", "commands", ["account_id"], where="answered_at IS NULL")


def _health() -> None:
    op.create_table(
        "health",
        _account(),
        _text("status"),
        _text("balance_usd"),
        _text("equity_usd"),
        _count("cycles"),
        _count("cycles_ok"),
        _count("errors"),
        _text("last_error", nullable=True),
        _time("last_good_cycle", nullable=True),
        _time("last_reconciled", nullable=True),
        _time("heartbeat"),
        _count("pid"),
        _text("details"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )


def _journal() -> None:
    op.create_table(
        "journal",
        _id(),
        _account(),
        _time("wall_at"),
        _time("market_at"),
        _text("event"),
        _text("subject"),
        _text("data"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
