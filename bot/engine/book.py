"""What the engine needs from the database: our side of the truth, durable before anything leaves.

Each method is one transaction, on disk when it returns. The store implements it; the engine owns none of its tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from bot.domain.booking import AlreadyDecided, Booking, Worth
from bot.domain.events import Command
from bot.domain.fill import Fill
from bot.domain.ids import Account
from bot.domain.order import Decision, Intent, Numbers, OrderRecord, OrderStatus, Purpose, VenueOrder
from bot.domain.position import Position

__all__ = ["AlreadyDecided", "Book", "Booking"]


class Book(Protocol):
    """Orders, fills, positions, dust and the state that must survive, of one account."""

    @property
    def account(self) -> Account: ...

    # -- orders ---------------------------------------------------------------------------------------------------
    def record(self, intent: Intent) -> OrderRecord:
        """Write the intent before its request leaves; raises `AlreadyDecided` when its key was used before."""
        ...

    def mark(
        self, client_id: str, status: OrderStatus, *, exchange_id: str | None = None, reason: str = ""
    ) -> OrderRecord:
        """Move one of our orders to a status (checked against the transitions)."""
        ...

    def update(self, order: VenueOrder) -> OrderRecord | None:
        """Take over what the venue says of an order we know (by client id or exchange id); None for one we do not.

        Takes over status (through the transition table), exchange id, size, filled size, average price, trigger, reason.
        A report that is older than what we know (filled size below ours, open after done) changes nothing.
        """
        ...

    def correct(self, order: VenueOrder) -> OrderRecord:
        """Take over what the venue says of an order we know though it is less than it said before; what is booked stays. Raises
        KeyError for an order we do not know.
        """
        ...

    def adopt(self, order: VenueOrder, purpose: Purpose, decision: Decision | None = None) -> OrderRecord:
        """Enter an order of ours that the book does not have: a stop that the venue spawned, or one from a lost database."""
        ...

    def by_client_id(self, client_id: str) -> OrderRecord | None: ...

    def by_exchange_id(self, exchange_id: str) -> OrderRecord | None: ...

    def unsettled(self) -> Sequence[OrderRecord]:
        """Orders that are in flight, working, or done with reported fills not yet booked; oldest first."""
        ...

    def orders_of(self, symbol: str, since: int) -> Sequence[OrderRecord]:
        """Orders of a symbol created at or after market time `since`, oldest first."""
        ...

    def orders_since(self, since: int) -> int:
        """How many orders of ours were sent since market time `since` (spawned ones not counted)."""
        ...

    def attempts(self, symbol: str, candle_close: int, purpose: Purpose) -> int:
        """How many decision keys of this symbol, candle and purpose exist: the number of the next attempt."""
        ...

    # -- fills and positions ------------------------------------------------------------------------------------
    def record_fill(self, fill: Fill) -> Booking | None:
        """Book a fill of an order we know, once: fill, order and position in one transaction. None when it was booked before.

        Raises `KeyError` for a fill of an order that the book does not have (foreign: the caller must not book it).
        """
        ...

    def sold_by_owner(self, symbol: str, fill: Fill, quote_usd: Decimal) -> Booking:
        """Book a sale that the owner made by hand of coins of this symbol's position; `fill` is what of it took ours, in whatever
        market, `quote_usd` the position's quote in dollars.
        """
        ...

    def is_booked(self, fill_id: str) -> bool: ...

    def newest_fill(self) -> int:
        """Market time of the newest booked fill; 0 without one."""
        ...

    def positions(self) -> Sequence[Position]:
        """Open positions, oldest first."""
        ...

    def position(self, symbol: str) -> Position | None: ...

    def plan(self, symbol: str, *, stage: int, stop_price: Decimal, kept: Numbers | None = None) -> Position:
        """Store where the rule now stands, before the exchange is told; None: what the strategy keeps stays as it is."""
        ...

    def close(self, symbol: str, at: int, why: str, worth: Worth) -> Position:
        """Close a position whose rest cannot be traded: what is left becomes dust of its base coin, worth so much."""
        ...

    def write_off(self, symbol: str, qty: Decimal, at: int, why: str, worth: Worth) -> Position:
        """The owner took `qty` of the position's coins away, worth so much: the position shrinks without a fill."""
        ...

    def dust(self) -> dict[str, Decimal]:
        """What is left over of closed positions, by base coin."""
        ...

    def results(self, symbol: str, count: int) -> Sequence[tuple[int, Decimal]]:
        """How the last `count` closed positions of a symbol ended, the newest first: when (market ms), and what they earned (in
        the quote). Those whose coins were taken away are no results.
        """
        ...

    # -- naked periods ------------------------------------------------------------------------------------------
    def mark_unprotected(self, symbol: str, at: int, why: str) -> None:
        """A position is not fully protected by stops from wall time `at` on; a naked period that is already open stays as it is."""
        ...

    def mark_protected(self, symbol: str, at: int) -> int:
        """It is protected again; returns how long it was not (wall ms, 0 when it always was)."""
        ...

    def unprotected(self) -> Mapping[str, tuple[int, str]]:
        """The naked periods that are open: by symbol since when (wall ms), and why."""
        ...

    # -- facts and commands -------------------------------------------------------------------------------------
    def get_state(self, name: str) -> str | None:
        """A remembered value of this account (day's first equity, peak, pause, tag …)."""
        ...

    def set_state(self, name: str, value: str | None) -> None:
        """Keep a value for this account; None forgets it."""
        ...

    def set_state_deferred(self, name: str, value: str | None) -> None:
        """Keep a value that a crash may take back: it is on disk with the next change of whatever else."""
        ...

    def realised_since(self, at: int) -> Decimal:
        """Dollars earned (lost) since market time `at`: results of what was closed, fees of all fills."""
        ...

    def traded(self, since: int, until: int) -> tuple[int, Decimal]:
        """How many orders had fills from market time `since` to before `until`, and the fees of these fills in dollars."""
        ...

    def commands(self) -> Sequence[Command]:
        """Orders of the operator that were not answered yet, oldest first."""
        ...

    def answer(self, number: int, result: str) -> None:
        """Say what became of a command."""
        ...
