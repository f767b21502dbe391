"""Naked periods: when and why stops did not protect all of a position.

Owns the rows of `naked`; a symbol has at most one open period. Times are wall ms.
"""

from __future__ import annotations

from sqlalchemy import bindparam, select

from bot.store.account_transaction import Transaction
from bot.store.schema import naked

_OPEN = (naked.c.account_id == bindparam("account")) & (naked.c.symbol == bindparam("which")) & naked.c.end_at.is_(None)
_ALL_OPEN = select(naked.c.symbol, naked.c.start_at, naked.c.why).where(
    naked.c.account_id == bindparam("account"), naked.c.end_at.is_(None)
)
_SINCE = select(naked.c.start_at).where(_OPEN)
_END = naked.update().where(_OPEN)
_INSERT = naked.insert()


def begin(tx: Transaction, symbol: str, at: int, why: str) -> None:
    """Begin a period; one that is already open stays as it is."""
    if open_since(tx, symbol) is None:
        row = {"account_id": tx.account, "symbol": symbol, "start_at": at, "why": why}
        tx.connection.execute(_INSERT, row)
        tx.write_journal("uncovered", symbol, at=at, why=why)


def end(tx: Transaction, symbol: str, at: int) -> int:
    """End the open period; returns its length (ms), 0 if there was none."""
    start = open_since(tx, symbol)
    if start is None:
        return 0
    until = max(at, start)
    tx.connection.execute(_END, {"account": tx.account, "which": symbol, "end_at": until})
    tx.write_journal("covered", symbol, at=until, naked_ms=until - start)
    return until - start


def open_since(tx: Transaction, symbol: str) -> int | None:
    """When the open period of a symbol began."""
    return next((int(row["start_at"]) for row in tx.rows(_SINCE, which=symbol)), None)


def open_ones(tx: Transaction) -> dict[str, tuple[int, str]]:
    """All open periods by symbol: the start and the cause."""
    return {row["symbol"]: (int(row["start_at"]), row["why"]) for row in tx.rows(_ALL_OPEN)}
