"""The orders of the ledger: written as intents, then updated by outcomes and by the venue's reports.

Owns the order rows, and the rule that a report never moves an order back in time. Records no fills.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import bindparam, func, select

from bot.domain.ids import Account, decision_key
from bot.domain.money import ZERO
from bot.domain.order import (
    DONE,
    IN_FLIGHT,
    TRANSITIONS,
    Decision,
    Intent,
    OrderRecord,
    OrderStatus,
    Purpose,
    TimeInForce,
    VenueOrder,
)
from bot.store.account_transaction import Row, Transaction
from bot.store.schema import orders

_RECORD = tuple(field.name for field in fields(OrderRecord))
_INTENT = tuple(field.name for field in fields(Intent))
_MINE = select(orders).where(orders.c.account_id == bindparam("account"))
_BY_CLIENT_ID = _MINE.where(orders.c.client_id == bindparam("value"))
_BY_EXCHANGE_ID = _MINE.where(orders.c.exchange_id == bindparam("value"))
_BY_KEY = _MINE.where(orders.c.key == bindparam("value"))
_OLDEST_FIRST = _MINE.order_by(orders.c.created_at, orders.c.id)
_UNSETTLED = _OLDEST_FIRST.where(~orders.c.settled)
_OF_SYMBOL = _OLDEST_FIRST.where(orders.c.symbol == bindparam("symbol"), orders.c.created_at >= bindparam("since"))
_ATTEMPTS = select(func.count().label("count")).where(
    orders.c.account_id == bindparam("account"),
    orders.c.symbol == bindparam("symbol"),
    func.substr(orders.c.key, 1, bindparam("length")) == bindparam("prefix"),
)
_ENTERED = _MINE.where(orders.c.symbol == bindparam("symbol"), orders.c.purpose == Purpose.ENTRY).limit(1)
_SENT_SINCE = select(func.count().label("count")).where(
    orders.c.account_id == bindparam("account"),
    orders.c.client_id.is_not(None),
    orders.c.created_at >= bindparam("since"),
)
_NEWEST_SENT = select(func.max(orders.c.created_at).label("newest")).where(
    orders.c.account_id == bindparam("account"), orders.c.client_id.is_not(None)
)
_ENTRIES = _OLDEST_FIRST.where(
    orders.c.purpose == bindparam("purpose"), orders.c.created_at >= bindparam("since"), orders.c.decision.is_not(None)
)
_INSERT = orders.insert()
_UPDATE = orders.update().where(orders.c.id == bindparam("row"))

#: A report that an order has filled more than this many times its size is ignored: once accepted, it could not be undone.
_MOST = 2
#: Answers of the same venue use either of these for an order that ended unfilled.
_ENDED = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED})
_TRADED = {OrderStatus.OPEN: OrderStatus.PARTIALLY_FILLED, OrderStatus.REJECTED: OrderStatus.CANCELED}


def record_of(row: Mapping[str, Any]) -> OrderRecord:
    """A row of `orders` as a domain record."""
    return OrderRecord(**{name: row[name] for name in _RECORD})


def find(tx: Transaction, *, client_id: str | None = None, exchange_id: str | None = None) -> Row | None:
    """The order with this client id, else the one with this exchange id."""
    for query, value in ((_BY_CLIENT_ID, client_id), (_BY_EXCHANGE_ID, exchange_id)):
        if value is None:
            continue
        for row in tx.rows(query, value=value):
            return row
    return None


def write(tx: Transaction, intent: Intent) -> OrderRecord:
    """Write an intent. The caller handles the IntegrityError of a key that was used before."""
    row = {name: getattr(intent, name) for name in _INTENT} | {
        "status": OrderStatus.INTENT,
        "updated_at": tx.market,
        "why": intent.reason,
    }
    return _insert(tx, "intent", row)


def adopt(tx: Transaction, order: VenueOrder, purpose: Purpose, decision: Decision | None) -> OrderRecord:
    """Add an order that the venue shows and the ledger lacks."""
    row = {
        "client_id": order.client_id,
        "exchange_id": order.exchange_id,
        "parent_id": order.parent_id,
        "key": None,
        "purpose": purpose,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "tif": TimeInForce.GTC,
        "status": _status(order),
        "qty": order.qty,
        "filled_qty": order.filled_qty,
        "avg_price": order.avg_price,
        "limit_price": order.limit_price,
        "trigger_price": order.trigger_price,
        "attached_stop": order.attached_stop,
        "attached_target": None,
        "reduce_only": purpose is not Purpose.ENTRY,
        "post_only": False,
        "created_at": order.created_at or tx.market,
        "updated_at": tx.market,
        "sent_at": 0,
        "deadline": None,
        "reason": order.reason,
        "why": "",
        "decision": decision,
        "pay_in": order.pay_in,
        "decision_price": None,
    }
    return _insert(tx, "adopted", row)


def take_over(tx: Transaction, row: Row, order: VenueOrder) -> OrderRecord:
    """Apply a venue's report of an order unless it is older than our state."""
    return change(tx, row, "order", news_of(row, order))


def correct(tx: Transaction, row: Row, order: VenueOrder) -> OrderRecord:
    """Apply a venue's report that corrects an order downwards, but never below the recorded fills."""
    filled = max(order.filled_qty, row["booked_qty"])
    price = row["booked_cost"] / filled if filled and filled == row["booked_qty"] else order.avg_price
    reported = {"status": _status(order), "qty": order.qty or row["qty"], "filled_qty": filled, "avg_price": price}
    return change(tx, row, "corrected", reported)


def news_of(row: Row, order: VenueOrder) -> dict[str, Any]:
    """What changes with a venue's report of an order. Empty if the report is older than our state, describes another order
    under our id, or is impossible. A status that cannot follow ours is no news: a report must never stop the account.
    """
    if _older(row, order) or row["exchange_id"] not in (None, order.exchange_id):
        return {}
    if order.filled_qty > _MOST * max(row["qty"], order.qty) > 0:
        return {}
    reported = {
        "status": status if (status := _status(order)) in TRANSITIONS[row["status"]] else None,
        "exchange_id": order.exchange_id,
        "parent_id": order.parent_id,
        "qty": order.qty if order.qty > 0 else None,
        "filled_qty": order.filled_qty,
        "avg_price": order.avg_price if order.filled_qty > row["booked_qty"] else None,
        "limit_price": order.limit_price,
        "trigger_price": order.trigger_price,
        "reason": order.reason or None,
    }
    if (
        order.side is not row["side"]
    ):  # another kind of order has used this id, so that ours can never be placed under it
        reported |= {"side": order.side, "type": order.type}
    return {name: value for name, value in reported.items() if value is not None and value != row[name]}


def change(tx: Transaction, row: Row, event: str, values: Mapping[str, Any]) -> OrderRecord:
    """Write and journal those of `values` that differ; without any, nothing is written."""
    news = {name: value for name, value in values.items() if value != row[name]}
    if not news:
        return record_of(row)
    record = record_of({**row, **news, "updated_at": tx.market})
    written = {**news, "updated_at": tx.market, "settled": record.settled}
    tx.connection.execute(_UPDATE, {"row": row["id"], **written})
    tx.write_journal(event, _name(row), **news)
    return record


def sent_since(tx: Transaction, since: int) -> int:
    """How many orders we sent since market time `since`; orders that a venue spawned do not count."""
    return int(tx.rows(_SENT_SINCE, since=since)[0]["count"])


def newest_sent(tx: Transaction) -> int | None:
    """When the newest order that we sent was created (market ms)."""
    newest: int | None = tx.rows(_NEWEST_SENT)[0]["newest"]
    return newest


def attempts(tx: Transaction, account: Account, symbol: str, candle_close: int, purpose: Purpose) -> int:
    """How many decision keys of this symbol, candle and purpose exist."""
    prefix = decision_key(account, symbol, candle_close, purpose)[:-1]
    return int(tx.rows(_ATTEMPTS, symbol=symbol, prefix=prefix, length=len(prefix))[0]["count"])


def has_key(tx: Transaction, key: str) -> bool:
    """Whether this decision was made before."""
    return bool(tx.rows(_BY_KEY, value=key))


def unsettled(tx: Transaction) -> list[OrderRecord]:
    """Orders that are not done, or whose fills are not all recorded; oldest first."""
    return [record_of(row) for row in tx.rows(_UNSETTLED)]


def of_symbol(tx: Transaction, symbol: str, since: int) -> list[OrderRecord]:
    """Orders of a symbol from market time `since` on, oldest first."""
    return [record_of(row) for row in tx.rows(_OF_SYMBOL, symbol=symbol, since=since)]


def has_entered(tx: Transaction, symbol: str) -> bool:
    """Whether the ledger has an entry of this symbol."""
    return bool(tx.rows(_ENTERED, symbol=symbol))


def entered(tx: Transaction, since: int) -> dict[tuple[str, int], list[OrderRecord]]:
    """Entries since market time `since` with fills, by symbol and the candle close that decided them (market ms)."""
    found: dict[tuple[str, int], list[OrderRecord]] = {}
    for record in map(record_of, tx.rows(_ENTRIES, purpose=Purpose.ENTRY, since=since)):
        if record.decision is not None and record.booked_qty > ZERO:
            found.setdefault((record.symbol, record.decision.candle_close), []).append(record)
    return found


def _insert(tx: Transaction, event: str, row: dict[str, Any]) -> OrderRecord:
    row = {"filled_qty": ZERO, "booked_qty": ZERO, "exchange_id": None, "parent_id": None, "avg_price": None} | row
    record = record_of(row)
    tx.connection.execute(
        _INSERT,
        {**row, "account_id": tx.account, "booked_cost": ZERO, "settled": record.settled},
    )
    known = {name: value for name, value in row.items() if value is not None and value != ""}
    if row["decision"] is not None:
        known["decision"] = asdict(row["decision"])
    tx.write_journal(event, _name(row), **known)
    return record


def _name(row: Mapping[str, Any]) -> str:
    return str(row["client_id"] or row["exchange_id"])


def _status(order: VenueOrder) -> OrderStatus:
    """The reported status. An open order that has traded is partially filled, and one that failed then is canceled, whatever the
    venue calls it.
    """
    return _TRADED.get(order.status, order.status) if order.filled_qty > 0 else order.status


def _older(row: Row, order: VenueOrder) -> bool:
    """Whether a report is older than our state, or only gives another name to how the order ended."""
    now, then = row["status"], order.status
    if order.filled_qty < row["filled_qty"]:
        return True
    if now in DONE and now is not OrderStatus.REJECTED and then not in DONE:
        return True
    if then in IN_FLIGHT and now not in IN_FLIGHT:
        return True
    return now in _ENDED and then in _ENDED and now is not then and order.filled_qty == row["filled_qty"]
