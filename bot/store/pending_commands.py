"""The operator's pending commands: for an account, or for the next account traded under an account key and mode.

An account is not known before its first connection, and the known one may have been replaced by then. So a command to a broker
that is not running is kept unassigned, for example for "kraken, live". Its row of `accounts` has no environment and identity,
so that it is never a trader's own. The trader of that key executes the command (`Ledger.commands`). Sandbox, demo and live
never share such a row, nor do two accounts of an exchange.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, fields

from sqlalchemy import URL, ColumnElement, Connection, and_, bindparam, or_, select

from bot.domain.clock import system_ms
from bot.domain.events import Command, Verb
from bot.domain.ids import Account, AccountKey
from bot.store.account_transaction import Row, Transaction, account_of
from bot.store.database import Store, StoreError, name_of
from bot.store.reader import Books, Posted
from bot.store.schema import OF_KEY, accounts, commands, facts

#: The answer to a command that a later `resume` cancels.
BY_RESUME = "cancelled: `nija resume` was given after it"
#: The answer to a flattening that was called back while NIJA carried it out.
STOPPED = (
    "stopped by the operator after it had begun: what is sold stays sold, and entries stay paused until `nija resume`"
)
#: How the answer to a command begins that was not carried out, or not to its end.
_NOT_DONE = ("cancelled", "stopped")
#: The state of an account that carries out a flattening: the number of its command.
FLATTENING = "flattening"
#: What a later `resume` cancels.
ENDED_BY_RESUME = frozenset({Verb.PAUSE, Verb.FLATTEN, Verb.RESUME})
_WAITING = (
    select(commands, *(accounts.c[one.name] for one in fields(Account)))
    .join(accounts, commands.c.account_id == accounts.c.id)
    .where(commands.c.answered_at.is_(None))
    .order_by(commands.c.id)
)


@dataclass(frozen=True, slots=True)
class PendingCommand:
    """A command that was not executed yet. `to` is an account or an unassigned one, `posted_at` wall ms."""

    at: Posted
    to: Account
    command: Command
    posted_at: int

    @property
    def verb(self) -> Verb:
        return self.command.verb


def unassigned(mode: str, key: AccountKey) -> Account:
    """The account row that holds commands for the next account traded under a key in a mode."""
    return Account(mode, key.venue, "", "", key.name)


def is_unassigned(account: Account) -> bool:
    """Whether this is only a placeholder for the next account traded under its key."""
    return not account.identity


def addressed() -> ColumnElement[bool]:
    """Condition: the commands of an account (parameter `account`, its number) and the unassigned ones of its key (parameters of
    `unassigned_of`)."""
    mine = accounts.c.id == bindparam("account")
    of_key = and_(accounts.c.identity == "", *(accounts.c[name] == bindparam(name) for name in OF_KEY))
    return commands.c.account_id.in_(select(accounts.c.id).where(or_(mine, of_key)))


def unassigned_of(account: Account) -> dict[str, str]:
    """The columns that identify an account's unassigned commands."""
    return {name: getattr(account, name) for name in OF_KEY}


def command_of(row: Row) -> Command:
    """A row of `commands` as a domain value."""
    return Command(row["verb"], row["id"], row["symbol"] or "", row["detail"] or "")


def is_done(result: str) -> bool:
    """Whether an answer says that its command was carried out, rather than cancelled or stopped."""
    return not result.startswith(_NOT_DONE)


def post(where: URL, verb: Verb, to: Account, symbol: str = "", detail: str = "") -> Posted:
    """Post a command for an account; a `resume` cancels the pending commands that it overrides. Raises `StoreError`.

    It does not answer for a flattening that has begun: only who carries it out knows what is sold by the time it ends.
    """
    with closing(Store.open(where)) as store, store.writing() as connection:
        number = _number(connection, to)
        if verb is Verb.RESUME:
            for one in _waiting(connection, where):
                same = unassigned_of(one.to) == unassigned_of(to)
                if same and one.verb in ENDED_BY_RESUME and not _has_begun(connection, one):
                    _answer(connection, one.at.number, BY_RESUME)
        row = {"account_id": number, "verb": verb, "posted_at": system_ms()}
        row |= {"symbol": symbol or None, "detail": detail or None}
        key = connection.execute(commands.insert(), row).inserted_primary_key
        return Posted(where, key[0] if key else 0)


def waiting(books: Books) -> list[PendingCommand]:
    """All pending commands, oldest first; a database that cannot be read is listed in `books.unreadable`."""
    found: list[PendingCommand] = []
    for where in books.databases():
        try:
            with closing(Store.look(where)) as store, store.reading() as connection:
                found += _waiting(connection, where)
        except StoreError as error:
            books.unreadable[name_of(where)] = str(error)
    return sorted(found, key=lambda one: one.posted_at)


def call_back(orders: Iterable[PendingCommand], why: str) -> None:
    """Cancel these commands; one that was executed meanwhile keeps its answer. Raises `StoreError`."""
    for one in orders:
        with closing(Store.open(one.at.where)) as store, store.writing() as connection:
            _answer(connection, one.at.number, STOPPED if _has_begun(connection, one) else why)


def answer_all(connection: Connection, why: str) -> None:
    """Answer every pending command in this database."""
    open_ones = commands.c.answered_at.is_(None)
    connection.execute(commands.update().where(open_ones), {"answered_at": system_ms(), "result": why})


def _has_begun(connection: Connection, one: PendingCommand) -> bool:
    """Whether this is a flattening and its account carries one out; a second one is then carried out with the first."""
    of_key = [accounts.c[name] == value for name, value in unassigned_of(one.to).items()]
    flattening = select(facts.c.value).join(accounts, facts.c.account_id == accounts.c.id)
    found = connection.execute(flattening.where(facts.c.name == FLATTENING, *of_key))
    return one.verb is Verb.FLATTEN and found.first() is not None


def _answer(connection: Connection, number: int, why: str) -> None:
    this = (commands.c.id == number) & commands.c.answered_at.is_(None)
    connection.execute(commands.update().where(this), {"answered_at": system_ms(), "result": why})


def _waiting(connection: Connection, where: URL) -> list[PendingCommand]:
    rows = Transaction(connection, 0, wall=0, market=0).rows(_WAITING)
    return [
        PendingCommand(
            Posted(where, row["id"]),
            account_of(row),
            command_of(row),
            row["posted_at"],
        )
        for row in rows
    ]


def _number(connection: Connection, to: Account) -> int:
    """The row number of an account. An unassigned one is created when it is first needed, as never seen (`last_seen` 0)."""
    named = asdict(to)
    query = select(accounts.c.id).where(*(accounts.c[column] == value for column, value in named.items()))
    number = connection.execute(query).scalar_one_or_none()
    if number is None:
        connection.execute(accounts.insert(), named | {"first_seen": system_ms(), "last_seen": 0})
        number = connection.execute(query).scalar_one()
    return int(number)
