"""The ledger for people: a table of positions and one of the latest fills for each broker."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table

#: Fills that a person wants to see at once; `--csv` has all.
LATEST = 20


def show(content: dict[str, Any]) -> None:
    """Print the document of `nija ledger --json` as tables."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    if not content["brokers"]:
        console.print("Nothing yet: NIJA has not started here.")
    for name, broker in content["brokers"].items():
        money = f"balance ${broker['balance_usd']}  equity ${broker['equity_usd']}"
        console.print(f"[bold]{name.upper()}[/bold]  {broker['status']}  {money}")
        console.print(_positions(broker["positions"]))
        console.print(_fills(broker["fills"][-LATEST:], len(broker["fills"])))


def _positions(positions: list[dict[str, Any]]) -> Table:
    table = Table("symbol", "side", "qty", "entry", "stage", "stops", "opened", title="open positions")
    for one in positions:
        stops = ", ".join(f"{stop['qty']} @ {stop['trigger_price']}" for stop in one["stops"]) or "-"
        table.add_row(
            one["symbol"], one["side"], one["qty"], one["entry_price"], str(one["stage"]), stops, one["opened_at"]
        )
    return table


def _fills(fills: list[dict[str, Any]], count: int) -> Table:
    table = Table("time", "symbol", "side", "qty", "price", "fee", "id", title=f"the last of {count} fills")
    for one in fills:
        fee = f"{one['fee']} {one['fee_asset']}"
        table.add_row(one["time"], one["symbol"], one["side"], one["qty"], one["price"], fee, one["exchange_fill_id"])
    return table
