"""The ledger for people: open positions and the latest fills of each account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.commands.presence import Presence
from bot.commands.show import MARKET_TIMES, columns, moment, money, say, table, whose
from bot.domain.ids import AccountKey
from bot.domain.money import as_price, as_quantity

#: Fills to show on a terminal; `--csv` has all.
LATEST = 20


def show(content: Mapping[str, Any], here: Presence) -> None:
    """Print the document of `nija ledger --json` as tables."""
    say(here.line)
    for name, broker in content["brokers"].items():
        say("", _headline(name, broker, here))
        _positions(broker["positions"])
        _fills(broker["fills"][-LATEST:], len(broker["fills"]))
    if any(broker["mode"] == "sandbox" for broker in content["brokers"].values()):
        say("", MARKET_TIMES)


def _headline(name: str, broker: Mapping[str, Any], here: Presence) -> str:
    now = here.is_traded(AccountKey.parse(name.partition(" ")[0]), broker["mode"])
    status = broker["status"] if now else f"not traded now (was {broker['status']})"
    amounts = f"balance {money(broker['balance_usd'])}  equity {money(broker['equity_usd'])}"
    return "  ".join(part for part in (name.upper(), whose(broker["mode"]), status, amounts) if part)


def _positions(positions: Sequence[Mapping[str, Any]]) -> None:
    if not positions:
        say("no open positions")
        return
    rows = [
        (
            one["symbol"],
            one["side"],
            as_quantity(Decimal(one["qty"])),
            as_price(Decimal(one["entry_price"])),
            str(one["stage"]),
            ", ".join(f"{as_quantity(Decimal(stop['qty']))} @ {stop['trigger_price']}" for stop in one["stops"])
            or "NONE",
            moment(one["opened_at"]),
        )
        for one in positions
    ]
    names = columns("symbol, side, qty, entry, stage, stops, opened", "qty, entry, stage")
    table(names, rows, "open positions")


def _fills(fills: Sequence[Mapping[str, Any]], count: int) -> None:
    if not fills:
        return
    rows = [
        (
            moment(one["time"]),
            one["symbol"],
            one["side"],
            as_quantity(Decimal(one["qty"])),
            one["price"],
            f"{as_quantity(Decimal(one['fee']))} {one['fee_asset']}",
            one["exchange_fill_id"],
        )
        for one in fills
    ]
    title = f"the last {len(fills)} of {count} fills" if len(fills) < count else "fills"
    table(columns("time, symbol, side, qty, price, fee, id", "qty, price"), rows, title)
