"""The ledger of one account: the only writer of its rows.

Each method is one transaction, durable when it returns. The ledger makes no decisions: the domain defines which changes of
status are allowed, and the tables' constraints prevent duplicates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from bot.domain.booking import BY_HAND, AlreadyDecided, Booking, Worth
from bot.domain.clock import Clock
from bot.domain.events import Command
from bot.domain.fill import Fill
from bot.domain.ids import Account
from bot.domain.order import Decision, Intent, Numbers, OrderRecord, OrderStatus, Purpose, VenueOrder, follow
from bot.domain.position import Position
from bot.domain.status import BrokerStatus
from bot.store import account_state, holdings, naked_periods, older_book, orders, write_offs
from bot.store.account_transaction import Transaction
from bot.store.answers import About
from bot.store.database import Store
from bot.store.health import keep_status
from bot.store.pending_commands import FLATTENING, addressed, command_of, unassigned_of
from bot.store.schema import commands
from bot.store.transaction import Transactions

_UNANSWERED = select(commands).where(addressed(), commands.c.answered_at.is_(None)).order_by(commands.c.id)
_ANSWER = commands.update().where(addressed(), commands.c.id == bindparam("number"), commands.c.answered_at.is_(None))
#: Recorded fills to remember: venues report those of the last hour again and again.
_MEMORY = 300
#: Start times for which running sums of results are cached: the beginning, today, and yesterday around midnight.
_SUMS = 3


class Ledger:
    """Orders, fills, positions, dust, naked periods, state and commands of one account.

    Belongs to one thread, and nothing else writes these rows while it exists: so what it has read stays true until it writes,
    and is cached. A database that fails raises `StoreError`; nothing of that method's change is kept.
    """

    def __init__(self, store: Store, account: Account, clock: Clock) -> None:
        self.account = account
        self._db = Transactions(store, account, clock)
        with self._db.reading() as tx:
            self._state = account_state.all_of(tx)
            self._found = frozenset(one.number for one in self._pending(tx))
        self._held: frozenset[int] = frozenset()
        self._booked: dict[str, None] = {}
        self._earned: dict[int, Decimal] = {}

    @property
    def blocked_by(self) -> str:
        """Why this ledger refuses entries; "" when it accepts them."""
        return ""

    def outlived(self) -> bool:
        """Whether the ledger must be closed and reopened, because its storage has changed."""
        return False

    # -- orders ----------------------------------------------------------------------------------------------

    def record(self, intent: Intent) -> OrderRecord:
        """Write the intent before its request leaves; raises `AlreadyDecided` when its key was used before."""
        try:
            with self._db.changing(intent.client_id) as page:
                return orders.write(page, intent)
        except IntegrityError as error:
            with self._db.reading() as tx:
                if orders.has_key(tx, intent.key):
                    raise AlreadyDecided(intent.key) from error
            raise

    def mark(
        self, client_id: str, status: OrderStatus, *, exchange_id: str | None = None, reason: str = ""
    ) -> OrderRecord:
        """Move one of our orders to a status; raises `IllegalTransition`, and KeyError for an unknown order."""
        with self._db.changing(client_id, exchange_id) as tx:
            row = orders.find(tx, client_id=client_id)
            if row is None:
                raise KeyError(client_id)
            news: dict[str, object] = {"status": follow(row["status"], status)}
            if exchange_id is not None:
                news["exchange_id"] = exchange_id
            if reason:
                news["reason"] = reason
            return orders.change(tx, row, "order", news)

    def update(self, order: VenueOrder) -> OrderRecord | None:
        """Apply a venue's report of an order; None if we do not know the order.

        A report older than our state (smaller filled size, open after done) changes nothing, nor does one that gives our order
        the id of another order.
        """
        row = self._db.row_of(order)
        if row is None:
            return None
        if row["purpose"] is Purpose.OWNER or not orders.news_of(row, order):
            return orders.record_of(row)  # of an owner's order, only the part that took coins of ours counts
        try:
            with self._db.changing(row["client_id"], row["exchange_id"], order.exchange_id) as tx:
                return orders.take_over(tx, row, order)
        except IntegrityError:  # the venue gives it the id of another order that the ledger knows
            return orders.record_of(row)

    def correct(self, order: VenueOrder) -> OrderRecord:
        """Apply a venue's report that corrects an order downwards; recorded fills stay. KeyError for an unknown order."""
        row = self._db.row_of(order)
        if row is None:
            raise KeyError(order.exchange_id)
        with self._db.changing(row["client_id"], row["exchange_id"]) as tx:
            return orders.correct(tx, row, order)

    def adopt(self, order: VenueOrder, purpose: Purpose, decision: Decision | None = None) -> OrderRecord:
        """Add an order of ours that the ledger lacks; one that it has is updated instead."""
        row = self._db.row_of(order)
        known = () if row is None else (row["client_id"], row["exchange_id"])
        with self._db.changing(order.client_id, order.exchange_id, *known) as tx:
            if row is not None:
                return orders.take_over(tx, row, order)
            return orders.adopt(tx, order, purpose, decision)

    def by_client_id(self, client_id: str) -> OrderRecord | None:
        """The order that we sent under this client id."""
        row = self._db.row(client_id=client_id)
        return None if row is None else orders.record_of(row)

    def by_exchange_id(self, exchange_id: str) -> OrderRecord | None:
        """The order with this id at the venue."""
        row = self._db.row(exchange_id=exchange_id)
        return None if row is None else orders.record_of(row)

    def unsettled(self) -> list[OrderRecord]:
        """Orders in flight, working, or done with fills reported but not yet recorded; oldest first."""
        return list(self._db.read(About.ORDERS, "unsettled", orders.unsettled))

    def orders_of(self, symbol: str, since: int) -> list[OrderRecord]:
        """Orders of a symbol created at or after market time `since`, oldest first."""
        with self._db.reading() as tx:
            return orders.of_symbol(tx, symbol, since)

    def has_entered(self, symbol: str) -> bool:
        """Whether we ever sent an entry of this symbol."""
        with self._db.reading() as tx:
            return orders.has_entered(tx, symbol)

    def orders_since(self, since: int) -> int:
        """How many orders we sent since market time `since`; orders that a venue spawned do not count."""
        newest = self._db.read(About.ORDERS, "newest sent", orders.newest_sent)
        if newest is None or newest < since:
            return 0
        return self._db.read(About.ORDERS, ("sent", since), lambda tx: orders.sent_since(tx, since))

    def attempts(self, symbol: str, candle_close: int, purpose: Purpose) -> int:
        """How many decision keys of this symbol, candle and purpose exist, which is the number of the next attempt."""
        with self._db.reading() as tx:
            return orders.attempts(tx, self.account, symbol, candle_close, purpose)

    # -- fills and positions ---------------------------------------------------------------------------------

    def record_fill(self, fill: Fill) -> Booking | None:
        """Record a fill of an order we know, once; None if it was recorded before, KeyError if the order is not ours.

        An entry's fills open or extend the symbol's position; fills of the other side reduce it. What a closing fill takes
        beyond the position comes out of the dust first; the rest is `Booking.oversold`. A fill that would exceed its order's
        size is not recorded (None) until the venue reports that the order is larger. A fill is in its order's market."""
        if self.is_booked(fill.fill_id):
            return None
        row = self._db.row(exchange_id=fill.exchange_order_id) or self._db.row(client_id=fill.client_id)
        if row is None:
            raise KeyError(fill.exchange_order_id)
        fill = replace(fill, symbol=row["symbol"])
        if row["purpose"] is Purpose.OWNER or holdings.is_too_much(row, fill):
            return None
        touched = (About.FILLS, About.POSITIONS, About.DUST, About.NAKED_PERIODS)
        with self._db.changing(row["client_id"], row["exchange_id"], fill.exchange_order_id, also=touched) as tx:
            booking = holdings.enter(tx, row, fill)
        return self._counted(booking)

    def sold_by_owner(self, symbol: str, fill: Fill, quote_usd: Decimal, why: str = BY_HAND) -> Booking:
        """Record a sale of this symbol's position that is not ours, and `why` it was made; KeyError without a position.
        `quote_usd` is the position's quote in dollars.
        """
        touched = (About.FILLS, About.POSITIONS, About.NAKED_PERIODS)
        with self._db.changing(fill.exchange_order_id, also=touched) as tx:
            booking = holdings.sold_by_owner(tx, holdings.the_open(tx, symbol), fill, quote_usd, why)
        return self._counted(booking)

    def _counted(self, booking: Booking) -> Booking:
        """Add a recorded fill to the cached results."""
        self._remember_booked(booking.fill.fill_id)
        if booking.restates:
            self._earned.clear()
        self._count(booking.fill.time, booking.realised)
        return booking

    def _count(self, at: int, earned: Decimal) -> None:
        for since in self._earned:
            if at >= since:
                self._earned[since] += earned

    def is_booked(self, fill_id: str) -> bool:
        """Whether a fill was recorded; fills are never removed."""
        if fill_id in self._booked:
            return True
        with self._db.reading() as tx:
            booked = holdings.is_booked(tx, fill_id)
        if booked:
            self._remember_booked(fill_id)
        return booked

    def _remember_booked(self, fill_id: str) -> None:
        self._booked[fill_id] = None
        while len(self._booked) > _MEMORY:
            self._booked.pop(next(iter(self._booked)))

    def newest_fill(self) -> int:
        """Market time of the newest recorded fill; 0 without one."""
        return self._db.read(About.FILLS, "newest fill", holdings.newest_fill)

    def positions(self) -> list[Position]:
        """Open positions, oldest first."""
        return list(self._db.read(About.POSITIONS, "positions", holdings.open_positions))

    def position(self, symbol: str) -> Position | None:
        """The open position of a symbol."""
        return next((one for one in self.positions() if one.symbol == symbol), None)

    def plan(self, symbol: str, *, stage: int, stop_price: Decimal, kept: Numbers | None = None) -> Position:
        """Store the exit rule's new state before an order acts on it; None leaves `kept` alone. KeyError if no position is open."""
        with self._db.writing(About.POSITIONS, About.NAKED_PERIODS) as tx:
            row = holdings.the_open(tx, symbol)
            was = holdings.position_of(row)
            then = replace(was, stage=stage, stop_price=stop_price, kept=was.kept if kept is None else kept)
            return holdings.settle(tx, row, then, "plan", tx.market, "")

    def close(self, symbol: str, at: int, why: str, worth: Worth) -> Position:
        """Close a position whose remainder cannot be traded: it becomes dust of its base coin, valued at `worth`."""
        with self._db.writing(About.POSITIONS, About.DUST, About.NAKED_PERIODS) as tx:
            row = holdings.the_open(tx, symbol)
            then = holdings.close(tx, row, at, why, worth)
        return self._valued(row["realised"], then, at, worth)

    def write_off(self, symbol: str, qty: Decimal, at: int, why: str, worth: Worth) -> Position:
        """Write off `qty` of the position's coins that the owner took away, valued at `worth`, down to 0.

        If it turns out later that a sale of ours took them, the sale and its result replace the write-off.
        """
        with self._db.writing(About.POSITIONS, About.NAKED_PERIODS) as tx:
            row = holdings.the_open(tx, symbol)
            then = holdings.write_off(tx, row, qty, at, why, worth)
        return self._valued(row["realised"], then, at, worth)

    def _valued(self, before: Decimal, then: Position, at: int, worth: Worth) -> Position:
        """Add the result of a write-off to the cached results."""
        self._count(at, (then.realised - before) * worth.quote_usd)
        return then

    def dust(self) -> dict[str, Decimal]:
        """The remainders of closed positions, by base coin."""
        return dict(self._db.read(About.DUST, "dust", write_offs.dust_of))

    def realised_since(self, at: int) -> Decimal:
        """Dollars earned (negative: lost) since market time `at`: realised results less the fees of all fills."""
        if at not in self._earned:
            with self._db.reading() as tx:
                self._earned[at] = holdings.realised_since(tx, at)
            while len(self._earned) > _SUMS:
                self._earned.pop(min(since for since in self._earned if since not in (0, at)))
        return self._earned[at]

    def traded(self, since: int, until: int) -> tuple[int, Decimal]:
        """How many orders had fills from market time `since` until before `until`, and the fees of these fills in dollars."""
        with self._db.reading() as tx:
            return holdings.traded(tx, since, until)

    def results(self, symbol: str, count: int) -> list[tuple[int, Decimal]]:
        """End time (market ms) and result (in the quote) of a symbol's last `count` closed positions, newest first. Positions
        whose coins were taken away do not count.
        """
        return list(
            self._db.read(About.POSITIONS, ("results", symbol, count), lambda tx: holdings.results(tx, symbol, count))
        )

    # -- naked periods -------------------------------------------------------------------------------------

    def mark_unprotected(self, symbol: str, at: int, why: str) -> None:
        """Begin a naked period at wall time `at`: stops do not protect all of the position. An open period stays as it is."""
        if self._naked_since(symbol) is not None:
            return
        with self._db.writing(About.NAKED_PERIODS) as tx:
            naked_periods.begin(tx, symbol, at, why)

    def mark_protected(self, symbol: str, at: int) -> int:
        """End the naked period; returns its length (wall ms), 0 if there was none."""
        if self._naked_since(symbol) is None:
            return 0
        with self._db.writing(About.NAKED_PERIODS) as tx:
            return naked_periods.end(tx, symbol, at)

    def unprotected(self) -> dict[str, tuple[int, str]]:
        """The open naked periods by symbol: the start (wall ms) and the cause."""
        return dict(self._db.read(About.NAKED_PERIODS, "unprotected", naked_periods.open_ones))

    def _naked_since(self, symbol: str) -> int | None:
        return self._db.read(About.NAKED_PERIODS, ("naked", symbol), lambda tx: naked_periods.open_since(tx, symbol))

    # -- facts, commands, health -----------------------------------------------------------------------------

    def get_state(self, name: str) -> str | None:
        """A stored value of this account. Nothing else writes state, so it is read once and cached."""
        return self._state.get(name)

    def set_state(self, name: str, value: str | None) -> None:
        """Store a value for this account; None deletes it."""
        if self._state.get(name) == value and name not in self._db.later:
            return
        with self._db.noting() as tx:
            self._db.later.pop(name, None)
            account_state.keep(tx, {name: value})
        self._cache_state(name, value)

    def set_state_deferred(self, name: str, value: str | None) -> None:
        """Store a value with the next change of anything else; a crash before that loses it."""
        if self._state.get(name) != value:
            self._db.later[name] = value
            self._cache_state(name, value)

    def _cache_state(self, name: str, value: str | None) -> None:
        self._state.pop(name, None)
        if value is not None:
            self._state[name] = value

    def commands(self) -> list[Command]:
        """The operator's unanswered commands, oldest first: those for this account, and unassigned ones under its key."""
        with self._db.reading() as tx:
            return [one for one in self._pending(tx) if one.number not in self._held]

    def _pending(self, tx: Transaction) -> list[Command]:
        return [command_of(row) for row in tx.rows(_UNANSWERED, **unassigned_of(self.account))]

    def answer(self, number: int, result: str) -> None:
        """Record the result of a command; the first answer is final."""
        with self._db.noting() as tx:
            done = tx.connection.execute(
                _ANSWER,
                {
                    **unassigned_of(self.account),
                    "account": self._db.account_id,
                    "number": number,
                    "answered_at": tx.wall,
                    "result": result,
                },
            )
            if done.rowcount:
                tx.write_journal("answered", str(number), result=result)

    # -- an older copy of the database -----------------------------------------------------------------------

    def newest_entry(self) -> int:
        """The number of the account's newest journal entry; 0 without one."""
        with self._db.reading() as tx:
            return older_book.newest_entry(tx)

    def mark_progress(self, keep: Callable[[int], object]) -> None:
        """Call `keep` with the number of the newest journal entry: now, and after each commit of a new one."""
        keep(self.newest_entry())
        self._db.on_commit = keep

    def hold_commands(self) -> None:
        """Hide the commands that were pending at the opening, because an older copy of the database would have executed them
        already. A flattening under way begins again with its command.
        """
        self._held = self._found
        self.set_state(FLATTENING, None)

    def release_commands(self) -> None:
        """Show them again: the exchange's history shows that the database is not older."""
        self._held = frozenset()

    def pause_as_older(self, why: str) -> None:
        """Pause the account and void the commands that were pending at the opening: the database is an older copy."""
        with self._db.noting() as tx:
            older_book.pause(tx, why)
            older_book.void(tx, self._found)
        for name, value in older_book.PAUSED.items():
            self._cache_state(name, value)
        self.release_commands()

    def report_status(self, status: BrokerStatus) -> BrokerStatus:
        """Store the trader's current status for other processes; returns it completed with what was known before."""
        with self._db.noting() as tx:
            return keep_status(tx, status)
