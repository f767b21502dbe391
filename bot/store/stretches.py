"""Naked stretches: from when to when, and why, a position's coins were not covered by stops.

Owns the rows of `naked`; at most one stretch of a symbol is open. Times are wall ms.
"""

from __future__ import annotations

from sqlalchemy import bindparam, select

from bot.store.page import Page
from bot.store.schema import naked

_OPEN = (naked.c.account_id == bindparam("account")) & (naked.c.symbol == bindparam("which")) & naked.c.end_at.is_(None)
_ALL_OPEN = select(naked.c.symbol, naked.c.start_at, naked.c.why).where(
    naked.c.account_id == bindparam("account"), naked.c.end_at.is_(None)
)
_SINCE = select(naked.c.start_at).where(_OPEN)
_END = naked.update().where(_OPEN)
_INSERT = naked.insert()


def begin(page: Page, symbol: str, at: int, why: str) -> None:
    """A stretch begins; one that is already open stays as it is."""
    if open_since(page, symbol) is None:
        row = {"account_id": page.account, "symbol": symbol, "start_at": at, "why": why}
        page.connection.execute(_INSERT, row)
        page.note("uncovered", symbol, at=at, why=why)


def end(page: Page, symbol: str, at: int) -> int:
    """The open stretch ends; returns how long it was, 0 when there was none."""
    start = open_since(page, symbol)
    if start is None:
        return 0
    until = max(at, start)
    page.connection.execute(_END, {"account": page.account, "which": symbol, "end_at": until})
    page.note("covered", symbol, at=until, naked_ms=until - start)
    return until - start


def open_since(page: Page, symbol: str) -> int | None:
    """When the open stretch of a symbol began."""
    return next((int(row["start_at"]) for row in page.rows(_SINCE, which=symbol)), None)


def open_ones(page: Page) -> dict[str, tuple[int, str]]:
    """All open stretches: by symbol since when, and why."""
    return {row["symbol"]: (int(row["start_at"]), row["why"]) for row in page.rows(_ALL_OPEN)}
