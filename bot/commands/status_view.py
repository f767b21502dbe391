"""`nija status` for people: one screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.commands.presence import Presence
from bot.commands.show import UNKNOWN, cents, columns, moment, money, say, table, whose
from bot.domain.clock import parse_iso, system_ms
from bot.domain.money import as_price, as_quantity
from bot.telemetry.status import ago

#: Alarms to show on the screen, the newest of all accounts.
ALARMS = 5

_Account = Mapping[str, Any]


def show(content: Mapping[str, Any], here: Presence) -> None:
    """Print the document of `nija status --json`."""
    accounts: Mapping[str, _Account] = content["accounts"]
    say(here.line)
    for name, one in accounts.items():
        _account(name, one, here)
    _alarms(content)
    if any(one["mode"] == "sandbox" for one in accounts.values()):
        say("", "days and weeks are those of the sandbox's market, other times are real")


def _account(name: str, one: _Account, here: Presence) -> None:
    since = f"since {moment(one['since'])}" if one["since"] else ""
    verdict = one["status"] if here.running or one["status"] == "unwatched" else f"was {one['status']}"
    say("", "  ".join(part for part in (name.upper(), whose(one["mode"]), verdict, since) if part))
    if one["reason"]:
        say(f"  why: {one['reason']}", indent=7)
    if one["remedy"] and one["remedy"] not in one["reason"]:
        say(f"  do:  {one['remedy']}", indent=7)
    if one["paused"] and "paused" not in one["reason"]:
        say("  paused: no new entries until `nija resume`")
    if one["evidence"]:
        say(f"  evidence: {one['evidence']}", indent=12)
    say(f"  {_money(one)}")
    if one["positions"]:
        _positions(one["positions"])
    for order in one["waiting_orders"]:
        say(f"  your command is waiting: {order['verb']}, given at {moment(order['ordered_at'])}")


def _money(one: _Account) -> str:
    if one["measured_at"] is None:
        return "equity and cash unknown: not measured yet"
    parts = [
        f"equity {money(one['equity_usd'])}",
        f"cash {money(one['cash_usd'])}",
        f"today {_signed(one['today_usd'])}",
        f"week {_signed(one['week_usd'])}",
        f"({ago(parse_iso(one['measured_at']), system_ms())})",
    ]
    return "  ".join(parts)


def _positions(positions: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        (
            one["symbol"],
            one["side"],
            as_quantity(Decimal(one["qty"])),
            as_price(Decimal(one["entry_price"])),
            "unknown" if one["price"] is None else as_price(Decimal(one["price"])),
            "NONE" if one["stop"] is None else as_price(Decimal(one["stop"])),
            _signed(one["unrealised_usd"]),
        )
        for one in positions
    ]
    names = "symbol, side, qty, entry, now, stop, result"
    table(columns(names, "qty, entry, now, stop, result"), rows)


def _alarms(content: Mapping[str, Any]) -> None:
    """The newest of all accounts and of the daemon itself."""
    named = [("", one) for one in content["alarms"]]
    named += [(name.upper(), one) for name, account in content["accounts"].items() for one in account["alarms"]]
    named.sort(key=lambda one: str(one[1]["at"]), reverse=True)
    if named:
        say("", "last alarms")
    for name, one in named[:ALARMS]:
        say("  ".join(part for part in (moment(one["at"]), name, one["text"]) if part), indent=22)


def _signed(amount: str | None) -> str:
    """A result in dollars, with its sign."""
    if amount is None:
        return UNKNOWN
    text = cents(Decimal(amount))
    return text if text.startswith("-") or not Decimal(amount) else f"+{text}"
