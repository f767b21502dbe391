"""The persistent state of an exchange, and the part of it that has changed since the last commit.

Objects live in memory; `commit` writes the changed ones to the journal as one atomic, durable change. On loading,
open orders, volumes and positions are derived from orders and fills.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.sandbox.core.accounts import Account, BalanceHistory
from bot.sandbox.core.exposure import NakedPeriod, SymbolExposure
from bot.sandbox.core.fees import Volume
from bot.sandbox.core.journal import Journal
from bot.sandbox.core.records import from_record, to_record
from bot.sandbox.core.timeline import Event, Timeline
from bot.sandbox.core.values import OURS, ZERO, Fill, Movement, Order, Side


class State:
    """One venue's accounts, orders, fills, ledger rows, timeline and exposure."""

    def __init__(self, venue: str, journal: Journal, base_volume: Decimal) -> None:
        self._venue = venue
        self._journal = journal
        self._base_volume = base_volume
        self._changes: dict[str, Any] = {}
        self._moved: set[str] = set()
        self.accounts: dict[str, Account] = {}
        self.orders: dict[str, Order] = {}
        self.open: dict[str, Order] = {}
        self.fills: dict[str, Fill] = {}
        self.movements: dict[str, Movement] = {}
        self.volumes: dict[str, Volume] = {}
        self.histories: dict[str, BalanceHistory] = {}
        self.timeline = Timeline()
        self.exposure: dict[str, SymbolExposure] = {}
        self.bought: dict[str, Decimal] = {}
        self.touched: dict[str, str] = {}
        self.hidden_until_wall_ms = 0
        self.well_since_ms: int | None = None
        """The wall time since which no fault has spoilt an answer; None if the last answer was spoilt."""
        self._load()

    def answers_well(self, now_ms: int) -> None:
        """Records that a request is about to be answered correctly."""
        if self.well_since_ms is None:
            self.well_since_ms = now_ms

    def answers_badly(self) -> None:
        """Records that a fault has spoilt an answer."""
        self.well_since_ms = None

    def account(self, name: str) -> Account:
        if name not in self.accounts:
            self.accounts[name] = Account(name)
            self.volumes[name] = Volume(self._base_volume)
            self.histories[name] = BalanceHistory()
        return self.accounts[name]

    def note_order(self, order: Order, why: str) -> None:
        """Marks an order as changed; `why` is the reason shown in exposure reports."""
        self.orders[order.id] = order
        if order.working:
            self.open[order.id] = order
        else:
            self.open.pop(order.id, None)
        self.touched[order.symbol] = why
        self._changes[f"order/{order.id}"] = order
        self._moved.add(order.account)

    def note_fill(self, fill: Fill) -> None:
        self.fills[fill.id] = fill
        self._changes[f"fill/{fill.id}"] = fill
        self.hidden_until_wall_ms = max(self.hidden_until_wall_ms, fill.visible_wall_ms)
        self._count_position(fill)

    def note_movement(self, movement: Movement) -> None:
        self.movements[movement.id] = movement
        self._changes[f"movement/{movement.id}"] = movement
        self._moved.add(movement.account)

    def note_event(
        self, kind: Event, wall_ms: int, market_ms: int, order_id: str | None, client_id: str | None
    ) -> None:
        row = self.timeline.add(kind, wall_ms, market_ms, order_id, client_id)
        self._changes[f"event/{row['n']}"] = row

    def note(self, key: str, record: Any) -> None:
        """Saves any other record of the venue with the next commit."""
        self._changes[key] = record

    def note_position(self, key: str, account: str, position: Any) -> None:
        """Saves a position, and the amount it locks on its account, with the next commit."""
        self._changes[f"position/{key}"] = position
        self._moved.add(account)

    def note_clearing(self, number: int, account: str, row: Any) -> None:
        """Saves an amount that is on hold beyond its order with the next commit; None deletes it."""
        self._changes[f"clearing/{number}"] = row
        self._moved.add(account)

    def rows(self, prefix: str) -> list[tuple[str, Any]]:
        """The saved records under a prefix."""
        return self._under(prefix)

    def wire(self, prefix: str) -> list[tuple[str, Any]]:
        return self._journal.under(f"{self._venue}/wire/{prefix}")

    def remember(self, key: str, record: Any) -> None:
        """Saves a wire's record at once. It survives a killed process, but this does not wait for the disk."""
        self._journal.put({f"{self._venue}/wire/{key}": record}, durable=False)

    def commit(self, wall_ms: int) -> None:
        """Writes all changes or none; returns once they are on disk."""
        if not self._changes and not self._moved:
            return
        for name in self._moved:
            account = self.accounts[name]
            self._changes[f"account/{name}"] = account
            self.histories[name].note(wall_ms, account.snapshot())
        self._moved.clear()
        self._journal.put({f"{self._venue}/{key}": _plain(value) for key, value in self._changes.items()})
        self._changes.clear()

    def symbol_exposure(self, symbol: str) -> SymbolExposure:
        return self.exposure.setdefault(symbol, SymbolExposure())

    def note_exposure(self, symbol: str) -> None:
        self._changes[f"exposure/{symbol}"] = [to_record(s) for s in self.exposure[symbol].periods]

    def _count_position(self, fill: Fill) -> None:
        """Updates the coins bought through the API and not sold yet; selling other coins does not make it negative.

        Positions may go below zero: a short.
        """
        base, _ = fill.symbol.split("-")[:2]
        self.volumes[fill.account].add(fill.time_ms, fill.cost)
        if fill.origin not in OURS:
            return
        if fill.of_position:
            signed = fill.qty if fill.side is Side.BUY else -fill.qty
            self.bought[fill.symbol] = self.bought.get(fill.symbol, ZERO) + signed
            return
        fee = fill.fee if fill.fee_asset == base else ZERO
        change = fill.qty - fee if fill.side is Side.BUY else -fill.qty - fee
        self.bought[fill.symbol] = max(ZERO, self.bought.get(fill.symbol, ZERO) + change)

    def _load(self) -> None:
        for name, record in self._under("account/"):
            account = self.account(name)
            account.total = {asset: Decimal(text) for asset, text in record["total"].items()}
            account.held = {asset: Decimal(text) for asset, text in record["held"].items()}
            self.histories[name].note(0, account.snapshot())
        for _, record in self._under("order/"):
            order = from_record(Order, record)
            self.orders[order.id] = order
        self.orders = dict(sorted(self.orders.items(), key=lambda item: item[1].sequence))
        self.open = {key: order for key, order in self.orders.items() if order.working}
        for _, record in self._under("fill/"):
            fill = from_record(Fill, record)
            self.fills[fill.id] = fill
        self.fills = dict(sorted(self.fills.items(), key=lambda item: item[1].sequence))
        for fill in self.fills.values():
            self._count_position(fill)
        for _, record in self._under("movement/"):
            movement = from_record(Movement, record)
            self.movements[movement.id] = movement
        self.timeline.rows = sorted((row for _, row in self._under("event/")), key=lambda row: int(row["n"]))
        for symbol, rows in self._under("exposure/"):
            self.exposure[symbol] = SymbolExposure(periods=[from_record(NakedPeriod, row) for row in rows])

    def _under(self, prefix: str) -> list[tuple[str, Any]]:
        return self._journal.under(f"{self._venue}/{prefix}")


def _plain(value: Any) -> Any:
    if isinstance(value, Account):
        return {
            "total": {asset: str(amount) for asset, amount in value.total.items()},
            "held": {asset: str(amount) for asset, amount in value.held.items()},
        }
    return to_record(value)
