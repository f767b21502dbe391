"""Named values of an account that must survive a restart: its tag, a pause, how far back fills were checked.

Owns the rows of `facts`. Only the writer of a name knows what it means.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, select

from bot.store.account_transaction import Transaction
from bot.store.schema import facts

_MINE = facts.c.account_id == bindparam("account")
_ALL = select(facts.c.name, facts.c.value).where(_MINE)
_FORGET = facts.delete().where(_MINE, facts.c.name == bindparam("fact"))
_CHANGE = facts.update().where(_MINE, facts.c.name == bindparam("fact")).values(value=bindparam("new"))
_INSERT = facts.insert()


def all_of(tx: Transaction) -> dict[str, str]:
    """Every value of the account."""
    return {str(row["name"]): str(row["value"]) for row in tx.rows(_ALL)}


def keep(tx: Transaction, values: Mapping[str, str | None]) -> None:
    """Write these values; None deletes one."""
    for name, value in values.items():
        which = {"account": tx.account, "fact": name}
        if value is None:
            tx.connection.execute(_FORGET, which)
        elif tx.connection.execute(_CHANGE, {**which, "new": value}).rowcount == 0:
            tx.connection.execute(_INSERT, {"account_id": tx.account, "name": name, "value": value})
