"""Positions, computed from fills.

Owns the position and fill rows. A fill is recorded once, together with its order and position, in the caller's transaction.
What a sale takes beyond its position is reported; it is never lost and never makes a position negative.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, func, select

from bot.domain.booking import GIVEN_UP, TAKEN, Booking, Worth
from bot.domain.fill import Fill
from bot.domain.instrument import DOLLARS
from bot.domain.money import ONE, ZERO
from bot.domain.order import IN_FLIGHT, Decision, OrderRecord, OrderStatus, OrderType, Purpose, Side, VenueOrder
from bot.domain.position import Position, after, fee_in_quote, opened, valued
from bot.store import naked_periods, write_offs
from bot.store.account_transaction import Row, Transaction
from bot.store.orders import adopt, change, find
from bot.store.schema import fills, positions

_POSITION = tuple(field.name for field in fields(Position))
_FILL = tuple(field.name for field in fields(Fill) if field.name != "client_id")
_OPEN = (
    select(positions)
    .where(positions.c.account_id == bindparam("account"), positions.c.closed_at.is_(None))
    .order_by(positions.c.opened_at, positions.c.id)
)
_RESULTS = (
    select(positions.c.closed_at, positions.c.realised)
    .where(
        positions.c.account_id == bindparam("account"),
        positions.c.symbol == bindparam("symbol"),
        positions.c.closed_at.is_not(None),
        positions.c.closed_why.not_in((TAKEN, GIVEN_UP, Purpose.OWNER)),
    )
    .order_by(positions.c.closed_at.desc(), positions.c.id.desc())
    .limit(bindparam("count"))
)
_OPEN_OF = _OPEN.where(positions.c.symbol == bindparam("symbol"))
_INSERT = positions.insert()
_UPDATE = positions.update().where(positions.c.id == bindparam("row"))
_BOOKED = select(fills.c.id).where(fills.c.account_id == bindparam("account"), fills.c.fill_id == bindparam("fill_id"))
_INSERT_FILL = fills.insert()
_NEWEST_FILL = select(func.max(fills.c.time).label("newest")).where(fills.c.account_id == bindparam("account"))
_EARNED = select(fills.c.realised_usd).where(
    fills.c.account_id == bindparam("account"), fills.c.time >= bindparam("since"), fills.c.realised_usd.is_not(None)
)
_TRADED = select(fills.c.order_id, fills.c.fee_usd).where(
    fills.c.account_id == bindparam("account"), fills.c.time >= bindparam("since"), fills.c.time < bindparam("until")
)
#: The share of a position that may stay written off when it counts as sold: a rest too small for any sale.
_REST = Decimal("0.001")
#: How far an order's fills may exceed its size, as a factor: sizes computed from quote amounts are rounded.
_ROUNDED = Decimal("1.001")
#: Statuses that a fill disproves: the order is at the venue and trades.
_UNTRADED = IN_FLIGHT | {OrderStatus.OPEN, OrderStatus.REJECTED}


def position_of(row: Mapping[str, Any]) -> Position:
    """A row of `positions` as a domain value."""
    return Position(**{name: row[name] for name in _POSITION})


def open_rows(tx: Transaction, symbol: str | None = None) -> list[Row]:
    """The open positions, oldest first; each symbol has at most one."""
    return tx.rows(_OPEN) if symbol is None else tx.rows(_OPEN_OF, symbol=symbol)


def open_positions(tx: Transaction) -> list[Position]:
    """The open positions, oldest first."""
    return [position_of(row) for row in open_rows(tx)]


def results(tx: Transaction, symbol: str, count: int) -> list[tuple[int, Decimal]]:
    """End time and result of a symbol's last closed positions, newest first."""
    return [(row["closed_at"], row["realised"]) for row in tx.rows(_RESULTS, symbol=symbol, count=count)]


def the_open(tx: Transaction, symbol: str) -> Row:
    """The open position of `symbol`; raises KeyError when there is none."""
    for row in open_rows(tx, symbol):
        return row
    raise KeyError(f"no open position in {symbol}")


def is_booked(tx: Transaction, fill_id: str) -> bool:
    """Whether a fill was recorded."""
    return bool(tx.rows(_BOOKED, fill_id=fill_id))


def newest_fill(tx: Transaction) -> int:
    """Market time of the newest recorded fill; 0 without one."""
    return tx.rows(_NEWEST_FILL)[0]["newest"] or 0


def realised_since(tx: Transaction, since: int) -> Decimal:
    """Dollars earned since a market time, by fills and by write-offs."""
    sold = sum((row["realised_usd"] for row in tx.rows(_EARNED, since=since)), ZERO)
    return sold + write_offs.earned_since(tx, since)


def is_too_much(order: Row, fill: Fill) -> bool:
    """Whether this fill would exceed its order: the venue reported one execution under two ids, or a wrong size."""
    most: Decimal = max(order["qty"], order["filled_qty"])
    booked: Decimal = order["booked_qty"]
    return most > 0 and booked + fill.qty > most * _ROUNDED


def traded(tx: Transaction, since: int, until: int) -> tuple[int, Decimal]:
    """How many orders had fills from `since` until before `until` (market time), and the fees of these fills in dollars."""
    rows = tx.rows(_TRADED, since=since, until=until)
    return len({row["order_id"] for row in rows}), sum((row["fee_usd"] for row in rows), ZERO)


def enter(tx: Transaction, order: Row, fill: Fill) -> Booking:
    """Record a new fill: its own row, its order and its position."""
    missed = _missed(tx, order, fill)
    before = missed or next(iter(open_rows(tx, fill.symbol)), None)
    if before is None:
        number, position, oversold, earned = _open(tx, order, fill)
    else:
        number, position, oversold, earned = _fold(tx, order, fill, before)
    dollars = _write_fill(tx, order, fill, number, earned)
    return Booking(fill, _traded(tx, order, fill), position, oversold, dollars, restates=missed is not None)


def sold_by_owner(tx: Transaction, row: Row, fill: Fill, quote_usd: Decimal, why: str) -> Booking:
    """Record the part of a sale that is not ours but reduced an open position. The order is recorded with that size only."""
    was = position_of(row)
    then = after(was, _in_market(fill, was.symbol, quote_usd))
    then = settle(tx, row, replace(then, qty=max(then.qty, ZERO)), "position", fill.time, Purpose.OWNER)
    order = find(tx, exchange_id=fill.exchange_order_id) or _owners_order(tx, fill, why)
    earned = (then.realised - was.realised) * quote_usd / fill.quote_usd
    dollars = _write_fill(tx, order, fill, row["id"], earned)
    change(tx, order, "order", {"qty": order["booked_qty"] + fill.qty})
    order = order | {"qty": order["booked_qty"] + fill.qty}
    return Booking(fill, _traded(tx, order, fill), then, ZERO, dollars)


def _in_market(fill: Fill, symbol: str, quote_usd: Decimal) -> Fill:
    """A fill converted to another market of the same coin, whose quote is worth `quote_usd` dollars."""
    if fill.symbol == symbol:
        return fill
    rate = fill.quote_usd / quote_usd
    quote = symbol.split("-")[1]
    return replace(fill, symbol=symbol, price=fill.price * rate, fee=fee_in_quote(fill) * rate, fee_asset=quote)


def _owners_order(tx: Transaction, fill: Fill, why: str) -> Row:
    """A new row for the order of such a sale, with size 0."""
    bare = VenueOrder(
        exchange_id=fill.exchange_order_id,
        symbol=fill.symbol,
        side=fill.side,
        type=OrderType.MARKET,
        status=OrderStatus.FILLED,
        qty=ZERO,
        created_at=fill.time,
        reason=why,
    )
    adopt(tx, bare, Purpose.OWNER, None)
    return next(row for row in (find(tx, exchange_id=fill.exchange_order_id),) if row is not None)


def _write_fill(tx: Transaction, order: Row, fill: Fill, position: int | None, earned: Decimal) -> Decimal:
    """Write the fill's row; returns what it earned in dollars."""
    dollars = earned * _dollar_rate(fill)
    row = {name: getattr(fill, name) for name in _FILL}
    tx.connection.execute(
        _INSERT_FILL,
        {
            **row,
            "account_id": tx.account,
            "order_id": order["id"],
            "position_id": position,
            "realised_usd": dollars,
        },
    )
    tx.write_journal("fill", fill.fill_id, **row)
    return dollars


def write_off(tx: Transaction, row: Row, qty: Decimal, at: int, why: str, worth: Worth) -> Position:
    """Write off coins that left an open position without a sale, down to 0. A sale reported later replaces this (`_missed`)."""
    was = position_of(row)
    gone = min(qty, was.qty)
    tx.write_journal("written_off", was.symbol, qty=gone, price=worth.price, why=why)
    return settle(tx, row, write_offs.write_down(tx, row["id"], was, gone, at, why, worth), "position", at, why)


def close(tx: Transaction, row: Row, at: int, why: str, worth: Worth) -> Position:
    """Close an open position whose remainder cannot be traded."""
    then = write_offs.become_dust(tx, row["id"], position_of(row), at, why, worth)
    return settle(tx, row, then, "closed", at, why)


def settle(tx: Transaction, row: Row, then: Position, event: str, at: int, why: str) -> Position:
    """Write and journal the changes of a position. An empty one is closed at market time `at`, which ends its naked period."""
    was = position_of(row)
    news = {name: value for name, value in asdict(then).items() if value != getattr(was, name)}
    if then.qty == 0:
        news |= {"closed_at": row["closed_at"] or at, "closed_why": why}
    if news:
        tx.connection.execute(_UPDATE, {"row": row["id"], **news})
        tx.write_journal(event, then.symbol, **news)
    if then.qty == 0 and row["closed_at"] is None:
        naked_periods.end(tx, then.symbol, tx.wall)
    return then


_Folded = tuple[int | None, Position | None, Decimal, Decimal]


def _open(tx: Transaction, order: Row, fill: Fill) -> _Folded:
    """Open a position with an entry's fill, also when an earlier position of that entry was closed. Other fills close nothing."""
    if order["purpose"] is not Purpose.ENTRY:
        return _close_nothing(tx, fill)
    decision = order["decision"] or _unknown_decision(order)
    position = opened(fill, decision, str(order["client_id"] or order["exchange_id"]))
    row = {"account_id": tx.account, **asdict(position)}
    number = tx.connection.execute(_INSERT, row).inserted_primary_key
    tx.write_journal("opened", fill.symbol, **asdict(position))
    return (number[0] if number else None), position, ZERO, position.realised


def _close_nothing(tx: Transaction, fill: Fill) -> _Folded:
    """A closing fill without a position. Coins that were never ours earn nothing, but the fee was paid."""
    oversold, earned = _excess(tx, fill, _taken(fill))
    return None, None, oversold, earned - fee_in_quote(fill)


def _fold(tx: Transaction, order: Row, fill: Fill, row: Row) -> _Folded:
    """Apply a fill to its position: an entry's fill on the same side adds to it, one on the other side reduces it."""
    was = position_of(row)
    if fill.side is was.side and order["purpose"] is not Purpose.ENTRY:
        return _close_nothing(tx, fill)
    then = after(was, fill)
    oversold = ZERO
    if then.qty < 0:
        oversold, earned = _excess(tx, fill, -then.qty)
        then = valued(then, then.qty, fill.price)
        then = replace(then, realised=then.realised + earned)
    settle(tx, row, then, "position", fill.time, row["closed_why"] or str(order["purpose"]))
    return row["id"], then, oversold, then.realised - was.realised


def _missed(tx: Transaction, order: Row, fill: Fill) -> Row | None:
    """The position whose coins were written off although this fill had sold them, with those coins restored.

    The venue reported the sale late. It replaces the write-offs, earliest first. A closed position stays closed at the same
    time, but "taken" is no longer the reason once sales account for all of its coins.
    """
    rows = [] if order["purpose"] is Purpose.ENTRY else write_offs.missed_by(tx, fill.symbol, fill.time)
    if not rows or rows[0]["side"] is fill.side:
        return None
    # Coins may have been written off in several steps: each gets back no more than it took.
    position, sold = dict(rows[0]), _taken(fill)
    for row in (row for row in rows if row["id"] == position["id"]):
        found = min(sold, row["missing"])
        sold -= found
        position["qty"] += found
        position["realised"] -= write_offs.take_back(tx, row, found)
    restored = {name: position[name] for name in ("qty", "realised")}
    tx.connection.execute(_UPDATE, {"row": position["id"], **restored})
    tx.write_journal("found", fill.symbol, qty=_taken(fill) - sold, fill_id=fill.fill_id)
    # Once sales account for (nearly) all of them, the position was sold and not emptied: its result counts again.
    left = write_offs.left_of(tx, position["id"])
    if position["closed_why"] == TAKEN and left <= position["initial_qty"] * _REST:
        position["closed_why"] = None
    return position


def _excess(tx: Transaction, fill: Fill, amount: Decimal) -> tuple[Decimal, Decimal]:
    """The part of a closing fill that exceeds the position; it comes out of the dust first.

    Returns how much was never ours, and what the dust earned (in the quote).
    """
    swept, cost = ZERO, ZERO
    if fill.side is Side.SELL and not fill.symbol.endswith("-SWAP"):
        swept, cost = write_offs.sell_dust(tx, fill.symbol.split("-", 1)[0], amount, f"sold with {fill.fill_id}")
    if amount > swept:
        tx.write_journal("oversold", fill.symbol, qty=amount - swept, fill_id=fill.fill_id)
    return amount - swept, swept * fill.price - cost / _dollar_rate(fill)


def _taken(fill: Fill) -> Decimal:
    return -fill.base_change if fill.side is Side.SELL else fill.qty


def _traded(tx: Transaction, order: Row, fill: Fill) -> OrderRecord:
    """Update the order for one more fill. The fill proves that the order trades; only the venue's report ends it."""
    booked = order["booked_qty"] + fill.qty
    cost = order["booked_cost"] + fill.qty * fill.price
    news: dict[str, Any] = {"booked_qty": booked, "booked_cost": cost}
    news["filled_qty"] = max(order["filled_qty"], booked)
    if booked >= order["filled_qty"] and booked > 0:
        news["avg_price"] = cost / booked
    if order["status"] in _UNTRADED:
        news["status"] = OrderStatus.PARTIALLY_FILLED
    if order["exchange_id"] is None:
        news["exchange_id"] = fill.exchange_order_id
    return change(tx, order, "order", news)


def _dollar_rate(fill: Fill) -> Decimal:
    """Dollars per unit of the quote: its own rate for dollar-like currencies, otherwise the rate used for the fill's fee."""
    fee = fee_in_quote(fill)
    if fill.symbol.split("-")[1] in DOLLARS:
        return fill.quote_usd
    return ONE if fee == 0 or fill.fee_usd == 0 else fill.fee_usd / fee


def _unknown_decision(order: Row) -> Decision:
    """For an entry whose decision was lost: a position without a stop price, left to the exit rule."""
    return Decision(order["created_at"], stop=ZERO, close=ZERO, fee=ZERO, reason="decision unknown")
