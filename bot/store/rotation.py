"""Keys that the book does not know: is it the same account under a new key, or another account altogether?

Finds what an earlier account of the same venue still holds, hands its rows to the new key when the exchange shows our orders
there, and gives them up when the owner says so. Never guesses.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from bot.domain.booking import GIVEN_UP
from bot.domain.clock import Clock, system_ms
from bot.domain.ids import Account
from bot.store.database import Store
from bot.store.page import Page
from bot.store.schema import accounts, orders, positions

#: Orders of an earlier account that are looked for under the new key.
TRACES = 5


@dataclass(frozen=True, slots=True)
class Predecessor:
    """An account of the same venue and mode that still has open positions; `traces` are (exchange id, symbol) of its last orders."""

    number: int
    account: Account
    open_positions: int
    traces: tuple[tuple[str, str], ...]


def predecessor(store: Store, account: Account) -> Predecessor | None:
    """The account whose positions a key that is new here leaves behind; None for a key that the book knows."""
    of_venue = (accounts.c.venue == account.venue) & (accounts.c.mode == account.mode)
    with store.reading() as connection:
        rows = (
            connection.execute(select(accounts).where(of_venue).order_by(accounts.c.last_seen.desc())).mappings().all()
        )
        if any(row["identity"] == account.identity and row["environment"] == account.environment for row in rows):
            return None
        for row in rows:
            found = _holding(
                Page(connection, row["id"], wall=0, market=0), row["environment"], row["identity"], account
            )
            if found is not None:
                return found
    return None


def left_alone(store: Store, account: Account) -> list[tuple[Account, int]]:
    """Other accounts of the same venue and mode with open positions, and how many: the key that is used now does not open them."""
    query = (
        select(accounts.c.environment, accounts.c.identity, func.count())
        .join(positions, positions.c.account_id == accounts.c.id)
        .where(accounts.c.venue == account.venue, accounts.c.mode == account.mode, positions.c.closed_at.is_(None))
        .group_by(accounts.c.environment, accounts.c.identity)
    )
    with store.reading() as connection:
        found = [
            (Account(account.mode, account.venue, row[0], row[1]), int(row[2])) for row in connection.execute(query)
        ]
    return [(other, held) for other, held in found if other != account]


def inherit(store: Store, before: Predecessor, account: Account, clock: Clock) -> None:
    """The new key opens the same account: its rows go on under the new identity."""
    with store.writing() as connection:
        news = {"environment": account.environment, "identity": account.identity, "last_seen": clock.wall_ms()}
        connection.execute(accounts.update().where(accounts.c.id == before.number), news)
        page = Page(connection, before.number, clock.wall_ms(), clock.market_ms())
        page.note("rotated", str(account), before=str(before.account))


def give_up(store: Store, number: int) -> list[str]:
    """The owner's word that an account is gone for good: its open positions are closed in the book, unsold. Their symbols."""
    now = system_ms()
    with store.writing() as connection:
        page = Page(connection, number, now, now)
        mine = (positions.c.account_id == number) & positions.c.closed_at.is_(None)
        symbols = [str(symbol) for symbol in connection.execute(select(positions.c.symbol).where(mine)).scalars()]
        connection.execute(positions.update().where(mine), {"closed_at": now, "closed_why": GIVEN_UP})
        for symbol in symbols:
            page.note("given up", symbol)
    return symbols


def _holding(page: Page, environment: str, identity: str, account: Account) -> Predecessor | None:
    open_ones = page.connection.execute(
        select(positions.c.id).where(positions.c.account_id == page.account, positions.c.closed_at.is_(None))
    ).all()
    if not open_ones:
        return None
    last = (
        select(orders.c.exchange_id, orders.c.symbol)
        .where(orders.c.account_id == page.account, orders.c.exchange_id.is_not(None))
        .order_by(orders.c.id.desc())
        .limit(TRACES)
    )
    traces = tuple((str(row[0]), str(row[1])) for row in page.connection.execute(last))
    return Predecessor(
        page.account, Account(account.mode, account.venue, environment, identity), len(open_ones), traces
    )
