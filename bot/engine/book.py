"""What the engine needs from the database: our own record, durable before any request is sent.

Each method is one transaction and is on disk when it returns. `store` implements this interface and owns the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from bot.domain.booking import BY_HAND, AlreadyDecided, Booking, Worth
from bot.domain.events import Command
from bot.domain.fill import Fill
from bot.domain.ids import Account
from bot.domain.order import Decision, Intent, Numbers, OrderRecord, OrderStatus, Purpose, VenueOrder
from bot.domain.position import Position

__all__ = ["AlreadyDecided", "Book", "Booking"]


class Book(Protocol):
    """Orders, fills, positions, dust and persistent state of one account."""

    @property
    def account(self) -> Account: ...

    # -- orders ---------------------------------------------------------------------------------------------------
    def record(self, intent: Intent) -> OrderRecord:
        """Write the intent before its request is sent; raises `AlreadyDecided` if its key was used before."""
        ...

    def mark(
        self, client_id: str, status: OrderStatus, *, exchange_id: str | None = None, reason: str = ""
    ) -> OrderRecord:
        """Set the status of one of our orders; raises `IllegalTransition`."""
        ...

    def update(self, order: VenueOrder) -> OrderRecord | None:
        """Apply the exchange's report on a known order (by client id or exchange id); None for an unknown order.

        Applies status (through the transition table), exchange id, size, filled size, average price, trigger and reason. A
        report older than our record (filled size below ours, open after done) changes nothing.
        """
        ...

    def correct(self, order: VenueOrder) -> OrderRecord:
        """Apply a report on a known order although it says less was filled than before; booked fills stay. Raises KeyError for
        an unknown order.
        """
        ...

    def adopt(self, order: VenueOrder, purpose: Purpose, decision: Decision | None = None) -> OrderRecord:
        """Add an order of ours that the book lacks: a stop that the exchange spawned, or one from a lost database."""
        ...

    def by_client_id(self, client_id: str) -> OrderRecord | None: ...

    def by_exchange_id(self, exchange_id: str) -> OrderRecord | None: ...

    def unsettled(self) -> Sequence[OrderRecord]:
        """Orders that are in flight, working, or done with reported fills that are not booked yet; oldest first."""
        ...

    def orders_of(self, symbol: str, since: int) -> Sequence[OrderRecord]:
        """Orders of a symbol created at or after market time `since`, oldest first."""
        ...

    def has_entered(self, symbol: str) -> bool:
        """Whether the book has an entry of this symbol."""
        ...

    def orders_since(self, since: int) -> int:
        """The number of orders that we sent since market time `since`, without spawned ones."""
        ...

    def attempts(self, symbol: str, candle_close: int, purpose: Purpose) -> int:
        """The number of decision keys for this symbol, candle and purpose, which is the number of the next attempt."""
        ...

    # -- fills and positions ------------------------------------------------------------------------------------
    def record_fill(self, fill: Fill) -> Booking | None:
        """Book a fill of a known order once: fill, order and position in one transaction. None if it was booked before.

        Raises `KeyError` for a fill of an unknown order (foreign: the caller must not book it).
        """
        ...

    def sold_by_owner(self, symbol: str, fill: Fill, quote_usd: Decimal, why: str = BY_HAND) -> Booking:
        """Book a sale of this position that is not ours, in any market; `why` says whose it was. `fill` is the part that took what
        was ours, `quote_usd` the value of the position's quote in dollars.
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
        """Store the strategy's plan before it is sent to the exchange. `kept=None` leaves the kept values unchanged."""
        ...

    def close(self, symbol: str, at: int, why: str, worth: Worth) -> Position:
        """Close a position that is too small to trade: the rest becomes dust of its base coin, valued at `worth`."""
        ...

    def write_off(self, symbol: str, qty: Decimal, at: int, why: str, worth: Worth) -> Position:
        """The owner removed `qty` of the position's coins, valued at `worth`: the position shrinks without a fill."""
        ...

    def dust(self) -> dict[str, Decimal]:
        """Remainders of closed positions, by base coin."""
        ...

    def results(self, symbol: str, count: int) -> Sequence[tuple[int, Decimal]]:
        """The end (market ms) and the result (in the quote) of the last `count` closed positions of a symbol, newest first.
        Positions whose coins were taken away do not count.
        """
        ...

    # -- naked periods ------------------------------------------------------------------------------------------
    def mark_unprotected(self, symbol: str, at: int, why: str) -> None:
        """Begin a naked period at wall time `at`: stops do not fully protect the position. A period that is already open is not
        changed.
        """
        ...

    def mark_protected(self, symbol: str, at: int) -> int:
        """End the naked period; returns its length (wall ms, 0 if there was none)."""
        ...

    def unprotected(self) -> Mapping[str, tuple[int, str]]:
        """Open naked periods by symbol: since when (wall ms) and why."""
        ...

    # -- state and commands -------------------------------------------------------------------------------------
    def get_state(self, name: str) -> str | None:
        """A stored value of this account (day's first equity, peak, pause, tag …)."""
        ...

    def set_state(self, name: str, value: str | None) -> None:
        """Store a value for this account; None deletes it."""
        ...

    def set_state_deferred(self, name: str, value: str | None) -> None:
        """Store a value together with the next other change. A crash before that loses it."""
        ...

    def realised_since(self, at: int) -> Decimal:
        """The realised result in dollars since market time `at`: results of closing fills and fees of all fills."""
        ...

    def traded(self, since: int, until: int) -> tuple[int, Decimal]:
        """The number of orders with fills from market time `since` to before `until`, and the fees of these fills in dollars."""
        ...

    def commands(self) -> Sequence[Command]:
        """Commands of the operator that are not answered yet, oldest first."""
        ...

    def answer(self, number: int, result: str) -> None:
        """Store the result of a command."""
        ...

    def release_commands(self) -> None:
        """The book is not older than the exchange: commands that waited for that may be executed."""
        ...

    def pause_as_older(self, why: str) -> None:
        """The book is older than the exchange: pause, and void the commands that were pending when it was opened."""
        ...
