"""How each account's trader is: written by it, read by the check scripts and the ledger command.

One row an account, always the newest; history is the journal's and the log's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam

from bot.domain.ids import Account
from bot.domain.status import BrokerStatus, Status
from bot.store.page import Page
from bot.store.schema import compact, health

_REPLACE = health.update().where(health.c.account_id == bindparam("account"))
_INSERT = health.insert()


def keep_status(page: Page, status: BrokerStatus) -> None:
    """Replace the account's row."""
    row = to_row(status)
    if page.connection.execute(_REPLACE, row | {"account": page.account}).rowcount == 0:
        page.connection.execute(_INSERT, row | {"account_id": page.account})


def to_row(status: BrokerStatus) -> dict[str, Any]:
    """A status as a row of `health`, but for the account's number; what never was is NULL."""
    details = {
        "reason": status.reason,
        "remedy": status.remedy,
        "permissions": list(status.permissions),
        "ip_bound": status.ip_bound,
        "clock_skew_ms": status.clock_skew_ms,
        "signals": status.signals,
        "skipped": dict(status.skipped),
        "cycle_late_ms_p95": status.late_p95,
    }
    return {
        "status": status.status,
        "balance_usd": status.balance_usd,
        "equity_usd": status.equity_usd,
        "cycles": status.cycles,
        "cycles_ok": status.cycles_ok,
        "errors": status.errors,
        "last_error": status.last_error or None,
        "last_good_cycle": status.last_good_cycle or None,
        "last_reconciled": status.last_reconciled or None,
        "heartbeat": status.at,
        "pid": status.pid,
        "details": compact(details),
    }


def from_row(account: Account, row: Mapping[str, Any]) -> BrokerStatus:
    """What a row of `health` says of its account's trader; its holdings and its single cycles are not in it."""
    details = json.loads(row["details"])
    return BrokerStatus(
        key=account.key,
        mode=account.mode,
        account=str(account),
        status=Status.read(row["status"]),
        reason=str(details.get("reason", "")),
        remedy=str(details.get("remedy", "")),
        at=row["heartbeat"],
        pid=row["pid"],
        balance_usd=row["balance_usd"],
        equity_usd=row["equity_usd"],
        cycles=row["cycles"],
        cycles_ok=row["cycles_ok"],
        errors=row["errors"],
        last_error=row["last_error"] or "",
        last_good_cycle=row["last_good_cycle"] or 0,
        last_reconciled=row["last_reconciled"] or 0,
        signals=details.get("signals", 0),
        skipped=details.get("skipped", {}),
        permissions=tuple(details.get("permissions", ())),
        ip_bound=details.get("ip_bound"),
        clock_skew_ms=details.get("clock_skew_ms", 0),
    )
