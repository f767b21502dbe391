"""One transaction on one account's rows, and the journal line of what it changed.

Owns the append-only journal. Everything that writes gets a `Transaction` instead of a connection, so that no row of another
account can be touched and no change goes unrecorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Executable, RowMapping

from bot.domain.ids import Account
from bot.store.schema import compact, journal

_INSERT = journal.insert()

#: A row by the names of its columns.
Row = dict[str, Any]


def account_of(row: Row | RowMapping) -> Account:
    """The account described by a row of `accounts`."""
    return Account(row["mode"], row["venue"], row["environment"], row["identity"], row["name"])


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction of an account, with the time on both clocks (ms). `journaled` are the numbers of its journal entries."""

    connection: Connection
    account: int
    wall: int
    market: int
    journaled: list[int] = field(default_factory=list)

    def rows(self, query: Executable, **values: object) -> list[Row]:
        """The rows a query finds; its parameter `account` is set to this transaction's account."""
        found = self.connection.execute(query, {"account": self.account, **values})
        names = tuple(found.keys())
        return [dict(zip(names, row, strict=True)) for row in found]

    def write_journal(self, event: str, subject: str, **data: object) -> None:
        """Journal one change: the event, its subject and the new values."""
        done = self.connection.execute(
            _INSERT,
            {
                "account_id": self.account,
                "wall_at": self.wall,
                "market_at": self.market,
                "event": event,
                "subject": subject,
                "data": compact(data),
            },
        )
        self.journaled.extend(done.inserted_primary_key or ())
