"""API keys that the database does not know: is this the same account under a new key, or another account?

Finds positions that an earlier account under the same account key still holds. Hands its rows to the new API key when the
exchange shows our orders there, and gives them up when the owner says so. Never guesses.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select

from bot.domain.booking import GIVEN_UP
from bot.domain.clock import Clock, system_ms
from bot.domain.ids import Account
from bot.store.account_transaction import Transaction, account_of
from bot.store.database import Store
from bot.store.schema import OF_KEY, accounts, orders, positions

#: Orders of an earlier account that are looked for under the new key.
TRACES = 5


@dataclass(frozen=True, slots=True)
class Predecessor:
    """An account of the same key and mode with open positions; `traces` are (exchange id, symbol) of its last orders."""

    number: int
    account: Account
    open_positions: int
    traces: tuple[tuple[str, str], ...]


def predecessor(store: Store, account: Account) -> Predecessor | None:
    """The account whose positions a new API key leaves behind; None if the database knows `account` already."""
    query = select(accounts).where(_of_key(account)).order_by(accounts.c.last_seen.desc())
    with store.reading() as connection:
        known = {row["id"]: account_of(row) for row in connection.execute(query).mappings()}
        if account in known.values():
            return None
        for number, other in known.items():
            found = _holding(Transaction(connection, number, wall=0, market=0), other)
            if found is not None:
                return found
    return None


def left_alone(store: Store, account: Account) -> list[tuple[Account, int]]:
    """Other accounts of the same key and mode with open positions, and how many; the current API key does not reach them."""
    query = (
        select(accounts, func.count().label("held"))
        .join(positions, positions.c.account_id == accounts.c.id)
        .where(_of_key(account), positions.c.closed_at.is_(None))
        .group_by(*accounts.c)
    )
    with store.reading() as connection:
        found = [(account_of(row), int(row["held"])) for row in connection.execute(query).mappings()]
    return [(other, held) for other, held in found if other != account]


def inherit(store: Store, before: Predecessor, account: Account, clock: Clock) -> None:
    """The new API key opens the same account: move its rows to the new identity."""
    with store.writing() as connection:
        news = {"environment": account.environment, "identity": account.identity, "last_seen": clock.wall_ms()}
        connection.execute(accounts.update().where(accounts.c.id == before.number), news)
        tx = Transaction(connection, before.number, clock.wall_ms(), clock.market_ms())
        tx.write_journal("rotated", str(account), before=str(before.account))


def abandon_account(store: Store, number: int) -> list[str]:
    """Close an account's open positions in the database, unsold, because the owner gave it up. Returns their symbols."""
    now = system_ms()
    with store.writing() as connection:
        tx = Transaction(connection, number, now, now)
        mine = (positions.c.account_id == number) & positions.c.closed_at.is_(None)
        symbols = [str(symbol) for symbol in connection.execute(select(positions.c.symbol).where(mine)).scalars()]
        connection.execute(positions.update().where(mine), {"closed_at": now, "closed_why": GIVEN_UP})
        for symbol in symbols:
            tx.write_journal("given up", symbol)
    return symbols


def _of_key(account: Account) -> ColumnElement[bool]:
    """All accounts ever traded under an account's key in its mode."""
    return and_(*(accounts.c[name] == getattr(account, name) for name in OF_KEY))


def _holding(tx: Transaction, account: Account) -> Predecessor | None:
    open_ones = tx.connection.execute(
        select(positions.c.id).where(positions.c.account_id == tx.account, positions.c.closed_at.is_(None))
    ).all()
    if not open_ones:
        return None
    last = (
        select(orders.c.exchange_id, orders.c.symbol)
        .where(orders.c.account_id == tx.account, orders.c.exchange_id.is_not(None))
        .order_by(orders.c.id.desc())
        .limit(TRACES)
    )
    traces = tuple((str(row[0]), str(row[1])) for row in tx.connection.execute(last))
    return Predecessor(tx.account, account, len(open_ones), traces)
