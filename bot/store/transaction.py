"""The transactions of one account, with a cache. Its rows are read and changed only through these."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TypeVar

from sqlalchemy import Connection, select

from bot.domain.clock import Clock
from bot.domain.ids import Account
from bot.domain.order import VenueOrder
from bot.store import account_state, orders
from bot.store.account_transaction import Row, Transaction
from bot.store.answers import About, Answers
from bot.store.database import Store
from bot.store.schema import accounts

T = TypeVar("T")


class Transactions:
    """Reads and changes one account's rows. Belongs to their only writer, so what it has read stays true until it writes."""

    def __init__(self, store: Store, account: Account, clock: Clock) -> None:
        self.store = store
        self._clock = clock
        with store.writing() as connection:
            self.account_id = _enter_account(connection, account, clock.wall_ms())
        self._answers = Answers()
        self.later: dict[str, str | None] = {}
        """State that is written with the next change."""
        self.on_commit: Callable[[int], object] = lambda _: None
        """Called with the number of the newest journal entry, once it is committed."""

    def row(self, *, client_id: str | None = None, exchange_id: str | None = None) -> Row | None:
        """The row of the order with these ids; None if there is none."""
        return self._answers.order(
            client_id,
            exchange_id,
            lambda: self._ask(lambda tx: orders.find(tx, client_id=client_id, exchange_id=exchange_id)),
        )

    def row_of(self, order: VenueOrder) -> Row | None:
        """The row of an order that the venue reports: by its unique exchange id if that is known, else by its client id."""
        return self.row(exchange_id=order.exchange_id) or self.row(client_id=order.client_id)

    def read(self, about: About, question: Hashable, ask: Callable[[Transaction], T]) -> T:
        """The answer to a question, cached until data of this kind changes."""
        return self._answers.to(about, question, lambda: self._ask(ask))

    def _ask(self, ask: Callable[[Transaction], T]) -> T:
        with self.reading() as tx:
            return ask(tx)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that changes nothing."""
        with self.store.reading() as connection:
            yield self._page(connection)

    @contextmanager
    def writing(self, *abouts: About) -> Iterator[Transaction]:
        """A transaction that changes data of these kinds. Their answers are dropped even if it fails, as it may have committed."""
        try:
            with self.noting() as tx:
                yield tx
        finally:
            self._answers.forget(*abouts)

    @contextmanager
    def changing(self, *names: str | None, also: Sequence[About] = ()) -> Iterator[Transaction]:
        """A transaction that changes or adds the order with these ids."""
        try:
            with self.writing(About.ORDERS, *also) as tx:
                yield tx
        finally:
            self._answers.forget_order(*names)

    @contextmanager
    def noting(self) -> Iterator[Transaction]:
        """A transaction that changes only data whose answers are not cached: state, health, commands."""
        with self.store.writing() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has only one writer anyway
                connection.execute(select(accounts.c.id).where(accounts.c.id == self.account_id).with_for_update())
            tx = self._page(connection)
            yield tx
            account_state.keep(tx, self.later)
        self.later.clear()
        if tx.journaled:
            self.on_commit(tx.journaled[-1])

    def _page(self, connection: Connection) -> Transaction:
        return Transaction(connection, self.account_id, self._clock.wall_ms(), self._clock.market_ms())


def _enter_account(connection: Connection, account: Account, now: int) -> int:
    """The account's row number, assigned at its first use; also updates when it was last used."""
    named = asdict(account)
    query = select(accounts.c.id).where(*(accounts.c[column] == value for column, value in named.items()))
    number: int | None = connection.execute(query).scalar_one_or_none()
    if number is None:
        connection.execute(accounts.insert(), named | {"first_seen": now, "last_seen": now})
        number = connection.execute(query).scalar_one()
        return int(number)
    connection.execute(accounts.update().where(accounts.c.id == number), {"last_seen": now})
    return number
