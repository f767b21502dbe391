"""The daemon's records, as the document of `nija ledger --json` and as rows for an accountant.

Owns the names and formats of that document: numbers as plain decimal text, times as ISO 8601 UTC. Read-only.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, TextIO

from sqlalchemy import BindParameter, Column, Select, bindparam, select

from bot.domain.clock import iso
from bot.domain.ids import Account, AccountKey
from bot.domain.money import plain, shortened
from bot.domain.order import DONE, STOPS, Side
from bot.domain.position import Position
from bot.domain.status import BrokerStatus, Status
from bot.store.account_transaction import Row, Transaction
from bot.store.health import status_of
from bot.store.holdings import open_positions, open_rows, position_of
from bot.store.reader import Books, Seen
from bot.store.schema import fills, naked, orders
from bot.store.trades import FILLS
from bot.store.write_offs import dust_of

#: The columns of the accountant's file, in order.
COLUMNS = (
    "time",
    "broker",
    "account",
    "symbol",
    "side",
    "qty",
    "price",
    "value",
    "fee",
    "fee_asset",
    "fee_usd",
    "realised_usd",
    "purpose",
    "exchange_fill_id",
    "exchange_order_id",
    "client_id",
    "currency",
)

#: Significant digits of a price: no market quotes more.
_DIGITS = 12

_ACCOUNT: BindParameter[int] = bindparam("account")
_ORDERS = select(orders).where(orders.c.account_id == _ACCOUNT).order_by(orders.c.created_at, orders.c.id)
#: Stops that may rest at the exchange: known there and not done.
_STOPS = _ORDERS.where(orders.c.exchange_id.is_not(None), orders.c.status.not_in(DONE), orders.c.type.in_(STOPS))
_NAKED = select(naked).where(naked.c.account_id == _ACCOUNT).order_by(naked.c.start_at, naked.c.id)


@dataclass(frozen=True, slots=True)
class Held:
    """An open position and the price of its stop that rests at the exchange; None if none does."""

    position: Position
    stop: Decimal | None


def held_by(tx: Transaction) -> list[Held]:
    """The open positions of an account, oldest first, each with its stop: with several, the one that triggers first."""
    resting = tx.rows(_STOPS)
    return [_with_stop(position, resting) for position in open_positions(tx)]


def _with_stop(position: Position, resting: list[Row]) -> Held:
    prices = [row["trigger_price"] for row in resting if row["symbol"] == position.symbol and row["trigger_price"]]
    first = max if position.side is Side.BUY else min
    return Held(position, first(prices) if prices else None)


def document(
    books: Books, key: AccountKey | None = None, *, every: bool = False, latest: int | None = None
) -> dict[str, Any]:
    """`{"brokers": {…}}` for the current accounts; with `every`, for all accounts, older ones named `key (account)`. `latest` is how
    many of the newest orders and fills are read, by default all.
    """
    brokers: dict[str, Any] = {}
    for seen in _wanted(books, key, every=every):
        name = str(seen.account.key)
        name = name if name not in brokers else f"{name} ({seen.account})"
        content = books.read(seen, partial(_broker, seen.account, latest))
        if content is not None:
            brokers[name] = content
    return {"brokers": brokers}


def write_csv(books: Books, out: TextIO, key: AccountKey | None = None, *, every: bool = False) -> None:
    """Write the fills of the current accounts (or of `every` one), one per line, oldest first within an account."""
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for seen in _wanted(books, key, every=every):
        rows = books.read(seen, partial(Transaction.rows, query=FILLS)) or ()
        writer.writerows(_entry(seen, row) for row in rows)


def _wanted(books: Books, key: AccountKey | None, *, every: bool) -> Iterator[Seen]:
    return (seen for seen in books.accounts(every=every) if key in (None, seen.account.key))


def _broker(account: Account, latest: int | None, tx: Transaction) -> dict[str, Any]:
    unheard = BrokerStatus(account.key, Status.DEGRADED)  # its trader has opened the account but not reported yet
    state = status_of(account, tx) or unheard
    measured = bool(state.measured_at)
    return {
        "mode": account.mode,
        "status": state.status,
        "balance_usd": plain(state.balance_usd) if measured else None,
        "equity_usd": plain(state.equity_usd) if measured else None,
        "orders": [_order(row) for row in _newest(tx, _ORDERS, (orders.c.created_at, orders.c.id), latest)],
        "fills": [_fill(row) for row in _newest(tx, FILLS, (fills.c.time, fills.c.id), latest)],
        "positions": open_with_stops(tx),
        "dust": {coin: plain(qty) for coin, qty in dust_of(tx).items()},
        "naked": [_naked(row) for row in tx.rows(_NAKED)],
        "cycles": state.cycles,
        "cycles_ok": state.cycles_ok,
    }


def open_with_stops(tx: Transaction) -> list[dict[str, Any]]:
    """The open positions of an account, each with its stops that may rest at the exchange."""
    stops = tx.rows(_STOPS)
    return [_position(row, stops) for row in open_rows(tx)]


def _newest(tx: Transaction, query: Select[Any], by: Sequence[Column[Any]], latest: int | None) -> list[Row]:
    """The rows of a query in the order of `by`: all of them, or the `latest`."""
    return tx.rows(query.order_by(None).order_by(*(one.desc() for one in by)).limit(latest))[::-1]


def _order(row: Row) -> dict[str, Any]:
    return {
        "client_id": row["client_id"],
        "exchange_id": row["exchange_id"],
        "decision_key": row["key"],
        "purpose": str(row["purpose"]),
        "symbol": row["symbol"],
        "side": str(row["side"]),
        "type": str(row["type"]),
        "qty": plain(row["qty"]),
        "filled_qty": plain(row["filled_qty"]),
        "avg_price": price_text(row["avg_price"]),
        "status": str(row["status"]),
        "reason": row["reason"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def _fill(row: Row) -> dict[str, Any]:
    return {
        "exchange_fill_id": row["fill_id"],
        "client_id": row["client_id"],
        "exchange_order_id": row["exchange_order_id"],
        "symbol": row["symbol"],
        "side": str(row["side"]),
        "qty": plain(row["qty"]),
        "price": plain(row["price"]),
        "fee": plain(row["fee"]),
        "fee_asset": row["fee_asset"],
        "fee_usd": plain(row["fee_usd"]),
        "time": iso(row["time"]),
    }


def _position(row: Row, stops: list[Row]) -> dict[str, Any]:
    position = position_of(row)
    return {
        "symbol": position.symbol,
        "side": str(position.side),
        "qty": plain(position.qty),
        "entry_price": price_text(position.entry_price),
        "stage": position.stage,
        "stops": [_stop(order) for order in stops if order["symbol"] == position.symbol],
        "opened_at": iso(position.opened_at),
    }


def _stop(row: Row) -> dict[str, Any]:
    return {
        "exchange_id": row["exchange_id"],
        "qty": plain(row["qty"] - row["filled_qty"]),
        "trigger_price": price_text(row["trigger_price"]),
    }


def _naked(row: Row) -> dict[str, Any]:
    end = row["end_at"]
    return {
        "symbol": row["symbol"],
        "start": iso(row["start_at"]),
        "end": None if end is None else iso(end),
        "why": row["why"],
    }


def _entry(seen: Seen, row: Row) -> dict[str, Any]:
    return _fill(row) | {
        "broker": str(seen.account.key),
        "account": str(seen.account),
        "value": plain(row["qty"] * row["price"]),
        "currency": row["pay_in"] or row["symbol"].split("-")[1],
        "realised_usd": _number(row["realised_usd"]),
        "purpose": str(row["purpose"]),
    }


def price_text(value: Decimal | None) -> str | None:
    """A price for programs; an average is rounded to as many digits as a price can have."""
    return None if value is None else plain(shortened(value, _DIGITS))


def _number(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
