"""Naked stretches: from when to when, and why, a position's coins were not covered by stops.

Owns the rows of `naked`; at most one stretch of a symbol is open. Times are wall ms.
"""

from __future__ import annotations

from sqlalchemy import select

from bot.store.page import Page
from bot.store.schema import naked


def begin(page: Page, symbol: str, at: int, why: str) -> None:
    """A stretch begins; one that is already open stays as it is."""
    if open_since(page, symbol) is None:
        row = {"account_id": page.account, "symbol": symbol, "start_at": at, "why": why}
        page.connection.execute(naked.insert(), row)
        page.note("uncovered", symbol, at=at, why=why)


def end(page: Page, symbol: str, at: int) -> int:
    """The open stretch ends; returns how long it was, 0 when there was none."""
    start = open_since(page, symbol)
    if start is None:
        return 0
    until = max(at, start)
    mine = (naked.c.account_id == page.account) & (naked.c.symbol == symbol)
    page.connection.execute(naked.update().where(mine, naked.c.end_at.is_(None)), {"end_at": until})
    page.note("covered", symbol, at=until, naked_ms=until - start)
    return until - start


def open_since(page: Page, symbol: str) -> int | None:
    """When the open stretch of a symbol began."""
    query = select(naked.c.start_at).where(
        naked.c.account_id == page.account, naked.c.symbol == symbol, naked.c.end_at.is_(None)
    )
    found: int | None = page.connection.execute(query).scalar_one_or_none()
    return found


def open_ones(page: Page) -> dict[str, tuple[int, str]]:
    """All open stretches: by symbol since when, and why."""
    query = select(naked.c.symbol, naked.c.start_at, naked.c.why).where(
        naked.c.account_id == page.account, naked.c.end_at.is_(None)
    )
    return {str(symbol): (int(since), str(why)) for symbol, since, why in page.connection.execute(query)}
