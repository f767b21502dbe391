"""The tables: every column, and the constraints that prevent duplicates.

Owns names and types only. Money is exact decimal text; times are integer milliseconds UTC; enums are those of the domain.
Every row belongs to an account. `migrations` upgrades the tables of an existing database.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from bot.domain.events import Verb
from bot.domain.money import plain
from bot.domain.order import Decision, Numbers, OrderStatus, OrderType, Purpose, Side, TimeInForce


class Exact(TypeDecorator[Decimal]):
    """A Decimal as plain decimal text, so that every database returns exactly what was written."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else plain(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value)


class Word(TypeDecorator[StrEnum]):
    """A member of a domain enum; reading any other text raises ValueError."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002
        return None if value is None else self.words(value)


class Kept(TypeDecorator[Numbers]):
    """Numbers by name as one JSON object; NULL for none."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Numbers | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return compact(dict(value)) if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> Numbers:  # noqa: ARG002
        return () if value is None else _numbers(json.loads(value))


class DecisionJson(TypeDecorator[Decision]):
    """What the strategy knew when it decided, as JSON; exact numbers are text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decision | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        return compact(asdict(value) | {"kept": dict(value.kept), "facts": dict(value.facts)})

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decision | None:  # noqa: ARG002
        if value is None:
            return None
        stored: dict[str, Any] = json.loads(value)
        exact = {name: Decimal(stored[name]) for name in _EXACT if stored.get(name) is not None}
        return Decision(**stored | exact | {name: _numbers(stored.get(name) or {}) for name in ("kept", "facts")})


#: The fields of a decision that are exact numbers.
_EXACT = ("stop", "close", "fee", "risk_price")


def _numbers(stored: dict[str, Any]) -> Numbers:
    return tuple((name, float(value)) for name, value in stored.items())


def compact(data: dict[str, Any]) -> str:
    """JSON without spaces, Decimals as plain text."""
    return json.dumps(data, separators=(",", ":"), default=_text)


def _text(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


metadata = MetaData()

_ID = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", _ID, primary_key=True, autoincrement=True)


def _account(*, primary_key: bool = False) -> Column[int]:
    return Column("account_id", _ID, ForeignKey("accounts.id"), nullable=False, primary_key=primary_key)


def _amount(name: str, *, nullable: bool = False) -> Column[Decimal]:
    return Column(name, Exact, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _word(name: str, words: type[StrEnum]) -> Column[StrEnum]:
    return Column(name, Word(words), nullable=False)


accounts = Table(
    "accounts",
    metadata,
    _id(),
    Column("mode", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("identity", Text, nullable=False),
    _time("first_seen"),
    _time("last_seen"),
    Column("name", Text, nullable=False),
    UniqueConstraint("mode", "venue", "environment", "identity", "name", name="accounts_once"),
)

#: The columns that identify an account key and a mode.
OF_KEY = ("mode", "venue", "name")

orders = Table(
    "orders",
    metadata,
    _id(),
    _account(),
    Column("client_id", Text),
    Column("exchange_id", Text),
    Column("parent_id", Text),
    Column("key", Text),
    _word("purpose", Purpose),
    Column("symbol", Text, nullable=False),
    _word("side", Side),
    _word("type", OrderType),
    _word("tif", TimeInForce),
    _word("status", OrderStatus),
    Column("settled", Boolean, nullable=False),
    _amount("qty"),
    _amount("filled_qty"),
    _amount("booked_qty"),
    _amount("booked_cost"),
    _amount("avg_price", nullable=True),
    _amount("limit_price", nullable=True),
    _amount("trigger_price", nullable=True),
    _amount("attached_stop", nullable=True),
    _amount("attached_target", nullable=True),
    Column("reduce_only", Boolean, nullable=False),
    Column("post_only", Boolean, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    _time("sent_at"),
    _time("deadline", nullable=True),
    Column("reason", Text, nullable=False),
    Column("decision", DecisionJson),
    Column("pay_in", Text),
    _amount("decision_price", nullable=True),
    Column("why", Text, nullable=False, server_default=""),
    UniqueConstraint("account_id", "key", name="orders_one_per_decision"),
    UniqueConstraint("account_id", "client_id", name="orders_one_per_client_id"),
    UniqueConstraint("account_id", "exchange_id", name="orders_one_per_exchange_id"),
    Index("orders_by_symbol", "account_id", "symbol", "created_at"),
    Index(
        "orders_sent",
        "account_id",
        "created_at",
        sqlite_where=text("client_id IS NOT NULL"),
        postgresql_where=text("client_id IS NOT NULL"),
    ),
    Index(
        "orders_unsettled",
        "account_id",
        "created_at",
        sqlite_where=text("settled = 0"),
        postgresql_where=text("NOT settled"),
    ),
)

positions = Table(
    "positions",
    metadata,
    _id(),
    _account(),
    Column("symbol", Text, nullable=False),
    _word("side", Side),
    _amount("qty"),
    _amount("initial_qty"),
    _amount("bought"),
    _amount("cost"),
    _amount("stop_price"),
    _amount("first_stop"),
    Column("stage", Integer, nullable=False),
    _time("opened_at"),
    _time("candle_close"),
    _amount("fee_rate"),
    Column("entry_id", Text, nullable=False),
    _amount("fees"),
    _amount("realised"),
    _time("closed_at", nullable=True),
    Column("closed_why", Text),
    _amount("risk_price", nullable=True),
    Column("kept", Kept),
    Index(
        "positions_one_open",
        "account_id",
        "symbol",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

write_offs = Table(
    "write_offs",
    metadata,
    _id(),
    _account(),
    Column("position_id", _ID, ForeignKey("positions.id"), nullable=False),
    _amount("qty"),
    _time("at"),
    Column("why", Text),
    _amount("price", nullable=True),
    _amount("quote_usd", nullable=True),
    _amount("realised", nullable=True),
    Index("write_offs_of_account", "account_id"),
)

fills = Table(
    "fills",
    metadata,
    _id(),
    _account(),
    Column("order_id", _ID, ForeignKey("orders.id"), nullable=False),
    Column("position_id", _ID, ForeignKey("positions.id")),
    Column("fill_id", Text, nullable=False),
    Column("exchange_order_id", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    _word("side", Side),
    _amount("qty"),
    _amount("price"),
    _amount("fee"),
    Column("fee_asset", Text, nullable=False),
    _amount("fee_usd"),
    _time("time"),
    _amount("realised_usd", nullable=True),
    _amount("quote_usd", nullable=True),
    UniqueConstraint("account_id", "fill_id", name="fills_once"),
    Index("fills_by_time", "account_id", "time"),
)

dust = Table(
    "dust",
    metadata,
    _account(primary_key=True),
    Column("coin", Text, primary_key=True),
    _amount("qty"),
    _amount("cost_usd", nullable=True),
)

naked = Table(
    "naked",
    metadata,
    _id(),
    _account(),
    Column("symbol", Text, nullable=False),
    _time("start_at"),
    _time("end_at", nullable=True),
    Column("why", Text, nullable=False),
    Index(
        "naked_one_open",
        "account_id",
        "symbol",
        unique=True,
        sqlite_where=text("end_at IS NULL"),
        postgresql_where=text("end_at IS NULL"),
    ),
)

facts = Table(
    "facts",
    metadata,
    _account(primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    _id(),
    _account(),
    _word("verb", Verb),
    _time("posted_at"),
    _time("answered_at", nullable=True),
    Column("result", Text),
    Column("symbol", Text),
    Column("detail", Text),
    Index(
        "commands_open",
        "account_id",
        sqlite_where=text("answered_at IS NULL"),
        postgresql_where=text("answered_at IS NULL"),
    ),
)

health = Table(
    "health",
    metadata,
    _account(primary_key=True),
    Column("status", Text, nullable=False),
    _amount("balance_usd"),
    _amount("equity_usd"),
    Column("cycles", Integer, nullable=False),
    Column("cycles_ok", Integer, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("last_error", Text),
    _time("last_good_cycle", nullable=True),
    _time("last_reconciled", nullable=True),
    _time("heartbeat"),
    Column("pid", Integer, nullable=False),
    Column("details", Text, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    _id(),
    _account(),
    _time("wall_at"),
    _time("market_at"),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("data", Text, nullable=False),
)
