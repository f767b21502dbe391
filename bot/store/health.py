"""How each account's trader is: written by it, read by the check scripts and the ledger command.

One row an account, always the newest; history is the journal's and the log's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam

from bot.domain.money import ZERO
from bot.store.page import Page
from bot.store.schema import compact, health


@dataclass(frozen=True, slots=True)
class Health:
    """One look at a trader. `status` is healthy, degraded, failed, unfunded or halted; `errors` those in a row.

    `heartbeat` is wall time in ms, `last_good_cycle` and `last_reconciled` too; None: not yet. `details` is free.
    """

    status: str
    heartbeat: int
    pid: int
    balance_usd: Decimal = ZERO
    equity_usd: Decimal = ZERO
    cycles: int = 0
    cycles_ok: int = 0
    errors: int = 0
    last_error: str | None = None
    last_good_cycle: int | None = None
    last_reconciled: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


_REPLACE = health.update().where(health.c.account_id == bindparam("account"))
_INSERT = health.insert()
_NAMES = tuple(item.name for item in fields(Health))


def keep_health(page: Page, now: Health) -> None:
    """Replace the account's row."""
    row = {name: getattr(now, name) for name in _NAMES} | {"details": compact(dict(now.details))}
    if page.connection.execute(_REPLACE, row | {"account": page.account}).rowcount == 0:
        page.connection.execute(_INSERT, row | {"account_id": page.account})


def health_of(row: Mapping[str, Any]) -> Health:
    """A row of `health` as a value."""
    return Health(**{name: row[name] for name in _NAMES} | {"details": json.loads(row["details"])})
