"""What leaves a position without a sale: coins that were taken away, and remainders too small to sell, which become dust.

Both are valued at the current price, so that results stay correct. A sale of dust earns what it brings above that value. A sale
that is reported after its coins were written off replaces the write-off.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sqlalchemy import bindparam, or_, select

from bot.domain.booking import DUST, Worth
from bot.domain.money import ZERO
from bot.domain.order import Side
from bot.domain.position import Position, valued
from bot.store.account_transaction import Row, Transaction
from bot.store.schema import dust, positions, write_offs

_GONE = or_(write_offs.c.why.is_(None), write_offs.c.why != DUST)
_OF_ACCOUNT = write_offs.c.account_id == bindparam("account")
_MISSED = (
    select(
        positions,
        write_offs.c.id.label("write_off"),
        write_offs.c.qty.label("missing"),
        write_offs.c.realised.label("valued"),
    )
    .join_from(write_offs, positions, write_offs.c.position_id == positions.c.id)
    .where(
        _OF_ACCOUNT,
        _GONE,
        write_offs.c.at >= bindparam("time"),
        write_offs.c.qty != ZERO,
        positions.c.symbol == bindparam("symbol"),
        positions.c.opened_at <= bindparam("time"),
    )
    .order_by(positions.c.id.desc(), write_offs.c.at, write_offs.c.id)
)
_LEFT = select(write_offs.c.qty).where(_OF_ACCOUNT, _GONE, write_offs.c.position_id == bindparam("position"))
_EARNED = select(write_offs.c.realised, write_offs.c.quote_usd).where(
    _OF_ACCOUNT, write_offs.c.at >= bindparam("since"), write_offs.c.realised.is_not(None)
)
_INSERT = write_offs.insert()
_CHANGE = write_offs.update().where(write_offs.c.id == bindparam("row"))
_MY_DUST = dust.c.account_id == bindparam("account")
_DUST = select(dust.c.coin, dust.c.qty).where(_MY_DUST).order_by(dust.c.coin)
_DUST_OF = select(dust.c.qty, dust.c.cost_usd).where(_MY_DUST, dust.c.coin == bindparam("which"))
_CHANGE_DUST = dust.update().where(_MY_DUST, dust.c.coin == bindparam("which"))


def write_down(tx: Transaction, number: int, was: Position, qty: Decimal, at: int, why: str, worth: Worth) -> Position:
    """Write a write-off of `qty` of a position (row `number`); returns the position without it. The caller updates its row."""
    then = valued(was, qty, worth.price)
    tx.connection.execute(
        _INSERT,
        {
            "account_id": tx.account,
            "position_id": number,
            "qty": qty,
            "at": at,
            "why": why,
            "price": worth.price,
            "quote_usd": worth.quote_usd,
            "realised": then.realised - was.realised,
        },
    )
    return then


def earned_since(tx: Transaction, since: int) -> Decimal:
    """The results of write-offs since a market time, in dollars."""
    return sum((row["realised"] * row["quote_usd"] for row in tx.rows(_EARNED, since=since)), ZERO)


def missed_by(tx: Transaction, symbol: str, time: int) -> list[Row]:
    """Positions with their write-offs at or after a market time: newest position first, earliest write-off first."""
    return tx.rows(_MISSED, symbol=symbol, time=time)


def take_back(tx: Transaction, row: Row, qty: Decimal) -> Decimal:
    """Undo `qty` of a write-off (a row of `missed_by`) that was a sale after all; returns the result it had, in the quote."""
    left: Decimal = row["missing"] - qty
    was: Decimal = row["valued"] or ZERO
    still: Decimal = was * left / row["missing"]
    news = {"qty": left} | ({} if row["valued"] is None else {"realised": still})
    tx.connection.execute(_CHANGE, {"row": row["write_off"], **news})
    return was - still


def left_of(tx: Transaction, position: int) -> Decimal:
    """How many coins of a position are written off now, without dust."""
    return sum((row["qty"] for row in tx.rows(_LEFT, position=position)), ZERO)


# -- dust -------------------------------------------------------------------------------------------------------------
def become_dust(tx: Transaction, number: int, was: Position, at: int, why: str, worth: Worth) -> Position:
    """Write off the rest of a position (row `number`). Coins stay in the account as dust; contracts leave nothing."""
    if was.qty == 0:
        return was
    if was.side is Side.BUY and not was.symbol.endswith("-SWAP"):
        cost = was.qty * worth.price * worth.quote_usd
        _change(tx, was.base, was.qty, cost, f"rest of {was.symbol}: {why}")
    return replace(write_down(tx, number, was, was.qty, at, DUST, worth), qty=ZERO)


def sell_dust(tx: Transaction, coin: str, most: Decimal, why: str) -> tuple[Decimal, Decimal]:
    """Take up to `most` of a coin's dust for a sale; returns how much, and its cost in dollars."""
    held, cost = _held(tx, coin) or (ZERO, ZERO)
    sold = min(most, held)
    if sold <= 0:
        return ZERO, ZERO
    part = cost if sold == held else cost * sold / held
    _change(tx, coin, -sold, -part, why)
    return sold, part


def dust_of(tx: Transaction) -> dict[str, Decimal]:
    """The dust by coin."""
    return {row["coin"]: row["qty"] for row in tx.rows(_DUST) if row["qty"] != 0}


def _held(tx: Transaction, coin: str) -> tuple[Decimal, Decimal] | None:
    rows = tx.rows(_DUST_OF, which=coin)
    return (rows[0]["qty"], rows[0]["cost_usd"] or ZERO) if rows else None


def _change(tx: Transaction, coin: str, qty: Decimal, cost: Decimal, why: str) -> None:
    held = _held(tx, coin)
    if held is None:
        row = {"account_id": tx.account, "coin": coin, "qty": qty, "cost_usd": cost}
        tx.connection.execute(dust.insert(), row)
    else:
        news = {"qty": held[0] + qty, "cost_usd": held[1] + cost}
        tx.connection.execute(_CHANGE_DUST, {"account": tx.account, "which": coin, **news})
    tx.write_journal("dust", coin, qty=(held[0] if held else ZERO) + qty, change=qty, why=why)
